"""A worker with a fake model on a real broker, and what a client, and an operator, see of it."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from inference_worker.main import build
from inference_worker.ports import Scores
from inference_worker.settings import Settings
from shared.clock import SystemClock, new_id
from shared.contracts.headers import RequestHeaders
from shared.contracts.models import ModelRecord
from shared.contracts.predict import parse_result
from shared.contracts.topics import ALL_TOPICS
from shared.kafka.clients import new_consumer, new_producer, started
from shared.testing.bundles import new_manifest

_PATIENCE_S = 60


class FakeModels:
    """Stands for registry, loader and engine: a model of the asked version, at once.

    predict: called with the pixels before they are scored; raises to fail.
    """

    def __init__(self, predict=lambda pixels: None):
        self.version = "1"
        self._predict = predict

    def _record(self, version):
        return ModelRecord(
            name="pneumonia",
            version=version,
            state="current",
            created_at_ms=0,
            bundle_sha256=version[-1] * 64,
            manifest=new_manifest(version=version),
        )

    async def announced(self):
        return self._record(self.version)

    async def fetch(self, version):
        return self._record(version), version

    def remembered(self):
        return None

    def remember(self, record):
        self.version = record.version

    def load(self, bundle):
        return FakeEngine(new_manifest(version=bundle), self._predict)


class FakeEngine:
    def __init__(self, manifest, before):
        self.manifest = manifest
        self._before = before

    def predict(self, pixels, *, alone=False, explained=False):
        self._before(pixels)
        return Scores(np.tile(np.array([0.0, 9.0], np.float32), (len(pixels), 1)), None)


class Stage:
    """One broker with its topics, and a cache for the workers."""

    def __init__(self, settings, cache_dir):
        self.settings = settings
        self._cache_dir = cache_dir

    def topic(self, name):
        return f"{self.settings.topic_prefix}{name}"

    @asynccontextmanager
    async def worker(self, worker_id="worker-0", *, predict=lambda pixels: None, **changes):
        """A worker that is ready, and leaves in good order behind the block."""
        async with self.parts(worker_id, predict=predict, **changes) as worker:
            stop = asyncio.Event()
            running = asyncio.create_task(worker.run(stop))
            await self.until(lambda: all(worker.readiness().values()))
            yield worker
            stop.set()
            await running

    def parts(self, worker_id="worker-0", *, predict=lambda pixels: None, **changes):
        """A worker that is connected, and does not run."""
        settings = Settings(kafka=self.settings, cache_dir=self._cache_dir, id=worker_id, **changes)
        models = FakeModels(predict)
        return build(settings, loader=models, bundles=models)

    async def send(self, requests, *, topic="predict.requests", partition=None):
        """Put (headers, image) on a topic; headers: RequestHeaders, or pairs."""
        async with started(new_producer(self.settings, client_id="test")) as producer:
            for headers, image in requests:
                known = isinstance(headers, RequestHeaders)
                await producer.send_and_wait(
                    self.topic(topic),
                    key=headers.id.encode() if known else b"x",
                    value=image,
                    headers=headers.to_kafka() if known else headers,
                    partition=partition,
                )

    async def records(self, topic, count):
        """The first records of a topic, as soon as there are so many."""
        consumer = new_consumer(self.settings, client_id="test")
        consumer.subscribe([self.topic(topic)])
        found = []
        async with started(consumer), asyncio.timeout(_PATIENCE_S):
            while len(found) < count:
                batches = await consumer.getmany(timeout_ms=200)
                found += [record for records in batches.values() for record in records]
        return found

    async def outcomes(self, count):
        return [
            parse_result(record.value) for record in await self.records("predict.results", count)
        ]

    async def count(self, topic):
        """How many records a topic holds now."""
        return sum((await self._ends(topic)).values())

    def group(self, name):
        return f"{self.settings.topic_prefix}{name}"

    async def uncommitted(self, topic="predict.requests", group="inference-worker"):
        """Records beyond the group's committed offsets."""
        ends, commits = await self._ends(topic), await self.commits(topic, group)
        return sum(end - max(0, commits[p.partition].offset) for p, end in ends.items())

    async def until_committed(self, topic="predict.requests", group="inference-worker"):
        """Return once nothing is beyond the committed offsets."""
        async with asyncio.timeout(_PATIENCE_S):
            while await self.uncommitted(topic, group):
                await asyncio.sleep(0.05)

    async def commits(self, topic="predict.requests", group="inference-worker"):
        """Each partition's committed offset with its metadata."""
        admin = AIOKafkaAdminClient(**self.settings.client_options())
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(
                self.group(group), partitions=self._partitions(topic)
            )
        finally:
            await admin.close()
        return {p.partition: said for p, said in found.items()}

    async def commit(self, words, *, topic="predict.requests", group="inference-worker"):
        """Commit as an owner would that is no more: partition → (offset, metadata)."""
        consumer = new_consumer(self.settings, client_id="test", group_id=self.group(group))
        async with started(consumer):
            partitions = {TopicPartition(self.topic(topic), p): w for p, w in words.items()}
            consumer.assign(list(partitions))
            await consumer.commit(partitions)

    async def until(self, holds):
        """Return once holds() does."""
        async with asyncio.timeout(_PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.02)

    def _partitions(self, topic):
        (spec,) = (spec for spec in ALL_TOPICS if spec.name == topic)
        return [TopicPartition(self.topic(topic), p) for p in range(spec.partitions)]

    async def _ends(self, topic):
        async with started(new_consumer(self.settings, client_id="test")) as consumer:
            return await consumer.end_offsets(self._partitions(topic))


@pytest.fixture
def stage(kafka_settings, tmp_path):
    return Stage(kafka_settings, tmp_path)


@pytest.fixture
def new_stage():
    """Makes a stage on a broker of the test's own."""
    return Stage


@pytest.fixture
def new_request():
    """Makes headers that somebody waits for, ten minutes long."""

    def new(**changes):
        fields = {"id": new_id(), "deadline_ms": SystemClock().now_ms() + 600_000} | changes
        return RequestHeaders(**fields)

    return new
