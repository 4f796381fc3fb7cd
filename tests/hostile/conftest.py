"""Services as processes of their own, for those who try to break them."""

import asyncio
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from embedded.ports import free_ports
from shared.bundle_files import read_manifest
from shared.clock import SystemClock, new_id
from shared.contracts.headers import RequestHeaders
from shared.contracts.models import ModelRecord
from shared.contracts.predict import parse_result
from shared.contracts.topics import PREDICT_REQUESTS, PREDICT_RESULTS
from shared.kafka.clients import new_consumer, new_producer, started
from shared.testing.processes import running

PATIENCE_S = 90
BUNDLE = Path(__file__).parents[2] / "models" / "baseline"
DIGEST = "a" * 64


class WorkerTopics:
    """The topics of a worker, as a gateway and an operator see them."""

    def __init__(self, settings):
        self._settings = settings

    def _name(self, spec):
        return spec.prefixed(self._settings.topic_prefix).name

    async def send(self, images, *, partition):
        ids = [new_id() for _ in images]
        deadline_ms = SystemClock().now_ms() + 600_000
        async with started(new_producer(self._settings, client_id="test")) as producer:
            for id_, image in zip(ids, images, strict=True):
                await producer.send_and_wait(
                    self._name(PREDICT_REQUESTS),
                    key=id_.encode(),
                    value=image,
                    headers=RequestHeaders(id_, deadline_ms, "image/jpeg").to_kafka(),
                    partition=partition,
                )
        return ids

    async def records(self, spec, count):
        consumer = new_consumer(self._settings, client_id="test")
        consumer.subscribe([self._name(spec)])
        found = []
        async with started(consumer), asyncio.timeout(PATIENCE_S):
            while len(found) < count:
                batches = await consumer.getmany(timeout_ms=200)
                found += [record for records in batches.values() for record in records]
        return found

    async def outcomes(self, count):
        records = await self.records(PREDICT_RESULTS, count)
        return {outcome.id: outcome for outcome in (parse_result(r.value) for r in records)}

    async def count(self, spec):
        partitions = [TopicPartition(self._name(spec), n) for n in range(spec.partitions)]
        async with started(new_consumer(self._settings, client_id="test")) as consumer:
            return sum((await consumer.end_offsets(partitions)).values())

    async def words(self):
        """What stands beside the workers' offsets."""
        partitions = [
            TopicPartition(self._name(PREDICT_REQUESTS), n)
            for n in range(PREDICT_REQUESTS.partitions)
        ]
        admin = AIOKafkaAdminClient(**self._settings.client_options())
        await admin.start()
        try:
            group = f"{self._settings.topic_prefix}inference-worker"
            found = await admin.list_consumer_group_offsets(group, partitions=partitions)
        finally:
            await admin.close()
        return {
            partition.partition: (said.offset, said.metadata) for partition, said in found.items()
        }


@pytest.fixture
def topics(kafka_settings):
    return WorkerTopics(kafka_settings)


@pytest.fixture
def faulty_worker(kafka_settings, tmp_path):
    """Runs a worker without an engine that does what marked images ask for."""
    cache = tmp_path / "cache"
    shutil.copytree(BUNDLE, cache / DIGEST)
    manifest = read_manifest(BUNDLE)
    record = ModelRecord(
        name="pneumonia",
        version=manifest.version,
        state="current",
        created_at_ms=0,
        bundle_sha256=DIGEST,
        manifest=manifest,
    )
    (cache / "current.json").write_bytes(record.to_bytes())

    @contextmanager
    def run(**env):
        port, nobody = free_ports(2)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
            "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{nobody}",
            "PNEUMO_WORKER_PORT": str(port),
            "PNEUMO_WORKER_ID": "worker-0",
            "PNEUMO_WORKER_CACHE_DIR": str(cache),
            "PNEUMO_WORKER_FAULTS": "1",
            "PNEUMO_WORKER_SIMULATED_MS": "1",
        }
        with running("inference_worker", port, settings | env, tmp_path / "w.log") as process:
            yield process

    return run


@pytest.fixture
def run_keyed_gateway(kafka_settings, tmp_path):
    """Runs a gateway that asks for keys and knows these."""

    @contextmanager
    def run(keys=()):
        (port,) = free_ports(1)
        file = tmp_path / "keys.json"
        file.write_text(json.dumps({"keys": list(keys)}))
        file.chmod(0o600)
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
            "PNEUMO_REGISTRY_URL": "http://127.0.0.1:1",
            "PNEUMO_GATEWAY_PORT": str(port),
            "PNEUMO_GATEWAY_KEYS_FILE": str(file),
        }
        with running("gateway", port, env, tmp_path / "gateway.log") as gateway:
            gateway.wait_ready()
            yield gateway

    return run
