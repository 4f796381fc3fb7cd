"""Requests that retention deleted before any worker reached them get an outcome all the same."""

import asyncio
from collections import Counter

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from inference_worker.core.handovers import CLEAN, new_mark, trying
from inference_worker.subscribers.deletions import Deletions
from shared.clock import SystemClock
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.predict import Expired
from shared.kafka.clients import new_producer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.testing.images import new_jpeg

DEAD = new_mark("worker-9", "its-life")
P = 4


async def accept(stage, new_request, count, **changes):
    """Accept requests whose clients hold their ids, as a gateway does; the ids."""
    ids = []
    async with started(new_producer(stage.settings, client_id="gateway")) as producer:
        for n in range(count):
            headers = new_request(**changes)
            record = await producer.send_and_wait(
                stage.topic("predict.requests"),
                key=headers.id.encode(),
                value=new_jpeg(seed=n),
                headers=headers.to_kafka(),
                partition=P,
            )
            entry = AcceptedRequest(headers.id, headers.deadline_ms, P, record.offset)
            await producer.send_and_wait(
                stage.topic("predict.accepted"), key=headers.id.encode(), headers=entry.to_kafka()
            )
            ids.append(headers.id)
    return ids


async def tell(stage, outcome):
    async with started(new_producer(stage.settings, client_id="worker-9")) as producer:
        topic = stage.topic("predict.results")
        await producer.send_and_wait(topic, key=outcome.id.encode(), value=outcome.to_bytes())


async def delete_before(stage, offset, *, topic="predict.requests", partition=P):
    """Cut the log's start off, as retention does."""
    admin = AIOKafkaAdminClient(**stage.settings.client_options())
    await admin.start()
    try:
        where = TopicPartition(stage.topic(topic), partition)
        await admin.delete_records({where: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


async def statuses(stage, count):
    return {o.id: o.status for o in await stage.outcomes(count)}


@pytest.mark.kafka
@pytest.mark.parametrize("metadata", [CLEAN, DEAD, trying(DEAD)])
async def test_a_takeover_gives_deleted_requests_an_outcome(stage, new_request, metadata):
    ids = await accept(stage, new_request, 4)
    await tell(stage, Expired(id=ids[1], deadline_ms=1))  # told, not committed
    await stage.commit({P: (1, metadata)})
    await delete_before(stage, 3)
    async with stage.worker():
        found = await statuses(stage, 3)
        await stage.until_committed()
    assert found == {ids[1]: "expired", ids[2]: "expired", ids[3]: "succeeded"}
    assert await stage.count("predict.results") == 3
    commit = (await stage.commits())[P]
    assert (commit.offset, commit.metadata) == (4, CLEAN)


@pytest.mark.kafka
@pytest.mark.parametrize("metadata", [CLEAN, DEAD])
async def test_with_nothing_left_behind_the_gap_it_is_found_as_well(stage, new_request, metadata):
    ids = await accept(stage, new_request, 3)
    await stage.commit({P: (0, metadata)})
    await delete_before(stage, 3)
    async with stage.worker():
        assert await statuses(stage, 3) == dict.fromkeys(ids, "expired")
        more = await accept(stage, new_request, 1)
        assert (await statuses(stage, 4))[more[0]] == "succeeded"
    # Found once: the next owner finds the partition whole.
    async with stage.worker("worker-1"):
        pass
    assert await stage.count("predict.results") == 4


@pytest.mark.kafka
async def test_a_worker_that_lives_through_the_outage_finds_the_gap_itself(stage, new_request):
    place = TopicPartition(stage.topic("predict.requests"), P)
    async with stage.worker() as worker:
        # Stands for a broker that is away: nothing of the partition comes.
        worker.predictions._consumer.pause(place)
        ids = await accept(stage, new_request, 3)
        await delete_before(stage, 2)
        worker.predictions._consumer.resume(place)
        found = await statuses(stage, 3)
        await stage.until_committed()
    assert found == {ids[0]: "expired", ids[1]: "expired", ids[2]: "succeeded"}


@pytest.mark.kafka
async def test_a_request_whose_retry_was_deleted_gets_an_outcome(stage, new_request):
    past_ms = SystemClock().now_ms() - 1
    (id_,) = await accept(stage, new_request, 1, deadline_ms=past_ms)
    await stage.commit({P: (1, CLEAN)})
    await stage.send([(new_request(id=id_, attempt=2), b"")], topic="predict.retry", partition=1)
    await stage.commit({1: (0, CLEAN)}, topic="predict.retry", group="inference-worker-retry")
    await delete_before(stage, 1, topic="predict.retry", partition=1)
    async with stage.worker():
        assert await statuses(stage, 1) == {id_: "expired"}


@pytest.mark.kafka
async def test_a_cluster_without_the_topic_of_accepted_ids_is_served(stage, new_request):
    await accept(stage, new_request, 2)
    admin = AIOKafkaAdminClient(**stage.settings.client_options())
    await admin.start()
    await admin.delete_topics([stage.topic("predict.accepted")])
    await admin.close()
    await stage.commit({P: (0, CLEAN)})
    await delete_before(stage, 1)
    async with stage.worker():
        await stage.outcomes(1)
        await stage.until_committed()


async def test_gaps_that_are_found_together_are_swept_together():
    swept = []

    async def expire(gaps):
        swept.append(dict(gaps))

    deletions = Deletions(expire, asyncio.Event())
    settled = await asyncio.gather(*(deletions.settle(n, 0, n + 1) for n in range(24)))
    assert settled == [True] * 24
    assert swept == [{n: range(n + 1) for n in range(24)}]


async def test_a_broker_that_goes_away_again_is_waited_for():
    tries = Counter()

    async def expire(gaps):
        tries["all"] += 1
        if tries["all"] < 2:
            raise BrokerUnavailableError("gone")

    assert await Deletions(expire, asyncio.Event()).settle(0, 0, 1)
    assert tries["all"] == 2


async def test_a_partition_is_held_for_a_bounded_time_and_let_go_when_we_leave():
    leaving, forever = asyncio.Event(), asyncio.Event()

    async def expire(gaps):
        await forever.wait()

    deletions = Deletions(expire, leaving, hold_s=0.05)
    assert await deletions.settle(0, 0, 1)
    patient = Deletions(expire, leaving)
    waiting = asyncio.create_task(patient.settle(0, 0, 1))
    leaving.set()
    assert not await waiting
    for each in (deletions, patient):
        each.stop()
