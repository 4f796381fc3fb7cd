"""Records that the broker refuses: each request still ends, and holds up nobody else."""

import asyncio

import httpx
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from embedded.ports import free_ports
from shared.clock import SystemClock, new_id
from shared.contracts.dead_letters import Cause, parse_dead_letter
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import parse_result
from shared.contracts.topics import MAX_IMAGE_BYTES
from shared.kafka.clients import new_consumer, started
from shared.testing.images import new_jpeg, new_marked_jpeg
from shared.testing.processes import running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

HUGE_MEDIA_TYPE = "image/jpeg" + "\xff" * 32_595
"""In UTF-8 65,200 bytes: with 8 MiB of image the record of a request just fits."""
PATIENCE_S = 90
ENDS_S = 40


@pytest.fixture
def topics(kafka_settings):
    return Topics(kafka_settings)


class Topics:
    def __init__(self, settings):
        self._settings = settings

    def name(self, topic):
        return f"{self._settings.topic_prefix}{topic}"

    async def send(self, image, *, partition, media_type="image/jpeg", wait_ms=600_000):
        """Put one request on the topic, as a gateway of any release does; give its id."""
        id_ = new_id()
        pairs = {
            "id": id_,
            "schema": "predict.request/1",
            "content-type": media_type,
            "deadline": str(SystemClock().now_ms() + wait_ms),
            "attempt": "1",
        }
        producer = AIOKafkaProducer(
            **self._settings.client_options(), max_request_size=2 * MAX_IMAGE_BYTES
        )
        async with started(producer):
            await producer.send_and_wait(
                self.name("predict.requests"),
                key=id_.encode(),
                value=image,
                headers=[(name, value.encode()) for name, value in pairs.items()],
                partition=partition,
            )
        return id_

    async def died_over(self, partition, offset=0):
        """Commit what a worker leaves behind that died of this record alone."""
        for group in ("inference-worker", self.name("inference-worker")):
            consumer = new_consumer(self._settings, client_id="test", group_id=group)
            where = TopicPartition(self.name("predict.requests"), partition)
            async with started(consumer):
                consumer.assign([where])
                await consumer.commit({where: (offset, "trying worker-9@its-life")})

    async def records(self, topic, count, within_s=PATIENCE_S):
        consumer = new_consumer(self._settings, client_id="test")
        consumer.subscribe([self.name(topic)])
        found = []
        async with started(consumer), asyncio.timeout(within_s):
            while len(found) < count:
                batches = await consumer.getmany(timeout_ms=200)
                found += [record for records in batches.values() for record in records]
        return found

    async def outcomes(self, count, within_s=PATIENCE_S):
        records = await self.records("predict.results", count, within_s)
        return {outcome.id: outcome for outcome in (parse_result(r.value) for r in records)}

    async def delete(self, topic):
        admin = AIOKafkaAdminClient(**self._settings.client_options())
        await admin.start()
        try:
            await admin.delete_topics([self.name(topic)])
        finally:
            await admin.close()


def largest(marked: bytes) -> bytes:
    """Pad an image behind its end to the most that a gateway takes."""
    return marked + bytes(MAX_IMAGE_BYTES - len(marked))


async def test_the_largest_request_is_retried_and_becomes_a_whole_dead_letter(
    faulty_worker, topics
):
    image = largest(new_marked_jpeg("bug"))
    with faulty_worker() as process:
        await asyncio.to_thread(process.wait_ready)
        id_ = await topics.send(image, partition=4, media_type=HUGE_MEDIA_TYPE)
        outcomes = await topics.outcomes(1, ENDS_S)
        assert outcomes[id_].code is ErrorCode.INTERNAL
        (record,) = await topics.records("predict.dlq", 1)
        assert await asyncio.to_thread(process.stop) == 0
    letter = parse_dead_letter(record.headers)
    assert (letter.cause, letter.request.id) == (Cause.INTERNAL, id_)
    assert record.value == image
    assert letter.stack
    assert len(letter.attempts) == 3
    assert len(letter.request.content_type.encode()) <= 255


async def test_the_largest_request_that_killed_a_worker_holds_up_no_other(faulty_worker, topics):
    image = largest(new_jpeg())
    killer = await topics.send(image, partition=0, media_type=HUGE_MEDIA_TYPE)
    others = [await topics.send(new_jpeg(), partition=p) for p in (0, 1, 2)]
    for partition in (1, 2):
        await topics.died_over(partition)
    await topics.died_over(0)
    with faulty_worker() as process:
        await asyncio.to_thread(process.wait_ready)
        outcomes = await topics.outcomes(4, ENDS_S)
        (record, *_) = await topics.records("predict.dlq", 3)
        assert await asyncio.to_thread(process.stop) == 0
    assert outcomes[killer].code is ErrorCode.WORKER_CRASHED
    assert outcomes[others[0]].status == "succeeded"
    assert {outcomes[id_].code for id_ in others[1:]} == {ErrorCode.WORKER_CRASHED}
    assert record.value


async def test_a_partition_that_cannot_be_cleared_holds_up_no_other(faulty_worker, topics):
    stuck = await topics.send(new_jpeg(), partition=0)
    await topics.died_over(0)
    behind = [await topics.send(new_jpeg(), partition=partition) for partition in range(1, 6)]
    # Its dead letter can be written nowhere for as long as this lasts.
    await topics.delete("predict.dlq")
    with faulty_worker() as process:
        outcomes = await topics.outcomes(len(behind), ENDS_S)
        assert {outcomes[id_].status for id_ in behind} == {"succeeded"}
        assert stuck not in outcomes
        assert not process.ended


async def test_a_media_type_longer_than_any_is_refused_at_the_door(kafka_settings, tmp_path):
    (port, nobody) = free_ports(2)
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{nobody}",
        "PNEUMO_GATEWAY_PORT": str(port),
    }
    with running("gateway", port, env, tmp_path / "gateway.log") as gateway:
        await asyncio.to_thread(gateway.wait_ready)
        async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as client:
            headers = {"Prefer": "respond-async"}
            kinds = ("image/jpeg" + "a" * 245, "image/jpeg" + "a" * 246)
            short, long = [
                await client.post(
                    "/v1/predictions", content=new_jpeg(), headers=headers | {"Content-Type": kind}
                )
                for kind in kinds
            ]
            non_ascii = await client.post(
                "/v1/predictions",
                content=new_jpeg(),
                headers=[
                    (b"Prefer", b"respond-async"),
                    (b"Content-Type", b"image/" + b"\xff" * 200),
                ],
            )
    assert short.status_code == 202
    assert (long.status_code, long.json()["code"]) == (415, "unsupported_media_type")
    assert non_ascii.status_code == 415
