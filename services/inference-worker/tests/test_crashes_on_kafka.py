"""What killed a worker is found in the commit that the worker did not make."""

import asyncio

import pytest

from inference_worker.core.handovers import new_mark, trying
from shared.contracts.dead_letters import Cause, parse_dead_letter
from shared.contracts.errors import ErrorCode
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka
DEAD = new_mark("worker-9", "its-life")
PARTITION = 4


def careful(worker):
    return worker.metrics_registry.get_sample_value("pneumo_careful_records_total")


async def send_many(stage, new_request, count, *, partition=PARTITION):
    requests = [(new_request(), new_jpeg(seed=n)) for n in range(count)]
    await stage.send(requests, partition=partition)
    return [headers.id for headers, _ in requests]


async def test_what_a_dead_worker_may_have_held_is_tried_one_by_one(stage, new_request):
    ids = await send_many(stage, new_request, 5)
    await stage.commit({PARTITION: (2, DEAD)})
    loop, seen = asyncio.get_running_loop(), []

    def look(pixels):
        commit = asyncio.run_coroutine_threadsafe(stage.commits(), loop).result(20)[PARTITION]
        seen.append((len(pixels), commit.offset, commit.metadata.split("@")[0]))

    async with stage.worker(predict=look) as worker:
        found = await stage.outcomes(3)
        await stage.until_committed()
        assert careful(worker) == 3
    assert {o.id: o.status for o in found} == dict.fromkeys(ids[2:], "succeeded")
    assert seen == [(1, offset, "trying worker-0") for offset in (2, 3, 4)]
    commit = (await stage.commits())[PARTITION]
    assert (commit.offset, commit.metadata) == (5, "clean")


async def test_one_record_at_a_time_is_named_as_tried_in_all_partitions(stage, new_request):
    # Else the death over one would condemn others, which were answered before.
    zones = (3, PARTITION, 7)
    for partition in zones:
        await send_many(stage, new_request, 4, partition=partition)
    words = dict.fromkeys(zones, (0, DEAD)) | {PARTITION: (1, trying(DEAD))}
    await stage.commit(words)
    loop, tried = asyncio.get_running_loop(), []

    def look(pixels):
        commits = asyncio.run_coroutine_threadsafe(stage.commits(), loop).result(20)
        words = [commits[partition].metadata for partition in zones]
        tried.append(sum(word.startswith("trying worker-0") for word in words))

    async with stage.worker(predict=look) as worker:
        await stage.outcomes(11)
        await stage.until_committed()
        assert careful(worker) == 10
    assert tried == [1] * 10


async def test_what_a_worker_died_of_while_it_was_tried_alone_is_a_dead_letter(stage, new_request):
    ids = await send_many(stage, new_request, 4)
    await stage.commit({PARTITION: (1, trying(DEAD))})
    tried = []
    async with stage.worker(predict=lambda pixels: tried.append(len(pixels))) as worker:
        found = {o.id: o for o in await stage.outcomes(3)}
        await stage.until_committed()
        assert careful(worker) == 2
    assert tried == [1, 1]
    assert [found[id_].status for id_ in ids[1:]] == ["failed", "succeeded", "succeeded"]
    assert found[ids[1]].code is ErrorCode.WORKER_CRASHED
    (record,) = await stage.records("predict.dlq", 1)
    letter = parse_dead_letter(record.headers)
    assert (letter.cause, letter.request.id) == (Cause.WORKER_CRASHED, ids[1])
    assert [(a.number, a.worker) for a in letter.attempts] == [(1, "worker-9")]


async def test_the_mark_stands_before_the_first_record_is_taken(stage, new_request):
    # Else an owner that dies over its first record would leave a commit that says clean.
    await stage.commit({PARTITION: (0, "clean")})
    loop, seen = asyncio.get_running_loop(), []

    def look(pixels):
        commit = asyncio.run_coroutine_threadsafe(stage.commits(), loop).result(20)[PARTITION]
        seen.append((commit.offset, commit.metadata.split("@")[0]))

    async with stage.worker(predict=look) as worker:
        await send_many(stage, new_request, 1)
        await stage.outcomes(1)
        assert careful(worker) == 0
    assert seen == [(0, "worker-0")]


async def test_a_long_zone_ends_where_no_hands_were(stage, new_request):
    await send_many(stage, new_request, 80)
    await stage.commit({PARTITION: (0, DEAD)})
    sizes = []
    async with stage.worker(predict=lambda pixels: sizes.append(len(pixels))) as worker:
        await stage.outcomes(80)
        assert careful(worker) == 64
    assert sizes[:64] == [1] * 64
    assert sum(sizes) == 80
    assert len(sizes) < 80


async def test_other_partitions_do_not_wait_for_a_careful_one(stage, new_request):
    await send_many(stage, new_request, 3)
    # Every other partition was left in good order.
    words = dict.fromkeys(range(24), (0, "clean")) | {PARTITION: (0, DEAD)}
    await stage.commit(words)
    sizes = []
    async with stage.worker(predict=lambda pixels: sizes.append(len(pixels))) as worker:
        await send_many(stage, new_request, 40, partition=7)
        await stage.outcomes(43)
        assert careful(worker) == 3
    assert max(sizes) > 1


async def test_a_worker_that_leaves_says_clean_of_every_partition(stage, new_request):
    async with stage.worker():
        await stage.send([(new_request(), new_jpeg(seed=n)) for n in range(10)])
        await stage.outcomes(10)
    assert {c.metadata for c in (await stage.commits()).values()} == {"clean"}
    retries = await stage.commits("predict.retry", "inference-worker-retry")
    assert {(c.offset, c.metadata) for c in retries.values()} == {(0, "clean")}
    assert await stage.uncommitted() == 0


async def test_workers_that_come_and_go_hand_over_without_care(stage, new_request):
    sending = asyncio.Event()

    async def send_steadily():
        sent = []
        while not sending.is_set():
            requests = [(new_request(), new_jpeg(seed=n)) for n in range(5)]
            await stage.send(requests)
            sent += [headers.id for headers, _ in requests]
        return sent

    async with stage.worker("worker-0") as first:
        steady = asyncio.create_task(send_steadily())
        async with stage.worker("worker-1") as second:
            await stage.until(lambda: first.predictions.assigned == 12)
            await stage.until(lambda: second.predictions.assigned == 12)
        await stage.until(lambda: first.predictions.assigned == 24)
        sending.set()
        sent = await steady
        outcomes = await stage.outcomes(len(sent))
        await stage.until_committed()
        assert careful(first) == careful(second) == 0
    assert {o.id for o in outcomes} == set(sent)
    assert all(o.status == "succeeded" for o in outcomes)
