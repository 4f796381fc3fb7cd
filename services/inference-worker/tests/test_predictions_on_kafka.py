"""The worker's promises about delivery, on a real broker."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiokafka import TopicPartition

from inference_worker.main import build
from inference_worker.ports import Scores
from inference_worker.settings import Settings
from shared.clock import SystemClock, new_id
from shared.contracts.headers import RequestHeaders
from shared.contracts.models import ModelRecord, WorkerStatus
from shared.contracts.predict import parse_result
from shared.contracts.topics import PREDICT_REQUESTS
from shared.kafka.clients import new_consumer, new_producer, started
from shared.testing.bundles import new_manifest
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka


class FakeEngine:
    def __init__(self, manifest):
        self.manifest = manifest

    def predict(self, pixels, *, alone=False):
        return Scores(np.tile(np.array([0.0, 9.0], np.float32), (len(pixels), 1)), None)


class FakeModels:
    """Stands for registry and loader: a model of the asked version, at once."""

    def __init__(self):
        self.version = "1"

    def _record(self, version):
        manifest = new_manifest(version=version)
        return ModelRecord(
            name="pneumonia",
            version=version,
            state="current",
            created_at_ms=0,
            bundle_sha256=version[-1] * 64,
            manifest=manifest,
        )

    async def current(self):
        return self._record(self.version), self.version

    async def announced(self):
        return self._record(self.version)

    async def fetch(self, version):
        return self._record(version), version

    def remember(self, record):
        self.version = record.version

    def load(self, bundle):
        return FakeEngine(new_manifest(version=bundle))


@asynccontextmanager
async def running_worker(kafka_settings, tmp_path, worker_id="worker-0"):
    settings = Settings(kafka=kafka_settings, cache_dir=tmp_path, id=worker_id)
    fake = FakeModels()
    stop = asyncio.Event()
    async with build(settings, loader=fake, bundles=fake) as worker:
        running = asyncio.create_task(worker.run(stop))
        async with asyncio.timeout(30):
            while not all(worker.readiness().values()):
                await asyncio.sleep(0.05)
        yield worker
        stop.set()
        await running


async def send(kafka_settings, requests, *, raw=()):
    topic = f"{kafka_settings.topic_prefix}predict.requests"
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        for headers, image in requests:
            await producer.send_and_wait(
                topic, key=headers.id.encode(), value=image, headers=headers.to_kafka()
            )
        for headers, value in raw:
            await producer.send_and_wait(topic, key=b"x", value=value, headers=headers)


async def outcomes(kafka_settings, count):
    consumer = new_consumer(kafka_settings, client_id="test")
    consumer.subscribe([f"{kafka_settings.topic_prefix}predict.results"])
    found = []
    async with started(consumer), asyncio.timeout(30):
        while len(found) < count:
            batches = await consumer.getmany(timeout_ms=200)
            found += [parse_result(r.value) for rs in batches.values() for r in rs]
    return found


def request(**changes):
    fields = {"id": new_id(), "deadline_ms": SystemClock().now_ms() + 60_000} | changes
    return RequestHeaders(**fields)


async def uncommitted(kafka_settings):
    """Records on the requests topic beyond the group's committed offsets."""
    topic = f"{kafka_settings.topic_prefix}predict.requests"
    consumer = new_consumer(kafka_settings, client_id="test", group_id="inference-worker")
    async with started(consumer):
        partitions = [TopicPartition(topic, p) for p in range(PREDICT_REQUESTS.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        committed = {p: await consumer.committed(p) or 0 for p in partitions}
        return sum(ends[p] - committed[p] for p in partitions)


async def test_each_request_is_answered_once_and_its_offset_committed(kafka_settings, tmp_path):
    sent = [(request(), new_jpeg(seed=n)) for n in range(40)]
    late = request(deadline_ms=1)
    broken = request()
    async with running_worker(kafka_settings, tmp_path):
        await send(kafka_settings, [*sent, (late, new_jpeg()), (broken, b"no image")])
        found = await outcomes(kafka_settings, 42)
    by_id = {o.id: o.status for o in found}
    assert len(found) == len(by_id) == 42
    assert by_id[late.id] == "expired"
    assert by_id[broken.id] == "failed"
    assert all(by_id[headers.id] == "succeeded" for headers, _ in sent)
    assert await uncommitted(kafka_settings) == 0


async def test_a_record_that_is_no_request_costs_nobody_else_an_answer(kafka_settings, tmp_path):
    good = request()
    foreign = [([("id", b"\xff\xfe\xfd")], b"?"), ([("schema", b"other/1")], None), ([], b"")]
    await send(kafka_settings, [(good, new_jpeg())], raw=foreign)
    async with running_worker(kafka_settings, tmp_path):
        assert [o.id for o in await outcomes(kafka_settings, 1)] == [good.id]
    assert await uncommitted(kafka_settings) == 0


async def test_requests_sent_before_any_worker_lived_are_answered(kafka_settings, tmp_path):
    sent = [request() for _ in range(5)]
    await send(kafka_settings, [(headers, new_jpeg()) for headers in sent])
    async with running_worker(kafka_settings, tmp_path):
        found = await outcomes(kafka_settings, 5)
    assert {o.id for o in found} == {headers.id for headers in sent}


async def test_a_worker_that_leaves_puts_its_tombstone(kafka_settings, tmp_path):
    async with running_worker(kafka_settings, tmp_path, "worker-7"):
        await asyncio.sleep(0.3)  # longer than the worker takes to notice that it is ready
    consumer = new_consumer(kafka_settings, client_id="test")
    consumer.subscribe([f"{kafka_settings.topic_prefix}workers.status"])
    records = []
    async with started(consumer), asyncio.timeout(20):
        while not records or records[-1].value is not None:
            batches = await consumer.getmany(timeout_ms=200)
            records += [r for rs in batches.values() for r in rs]
    assert {r.key for r in records} == {b"worker-7"}
    spoken = [WorkerStatus.model_validate_json(r.value) for r in records[:-1]]
    assert any(s.ready and s.version == "1" and s.partitions == 24 for s in spoken)
