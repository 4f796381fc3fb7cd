"""An outage longer than the retention of requests leaves no id that a client holds unanswered."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

import inference_worker.main
from gateway.main import build_gateway
from gateway.settings import Settings
from operations.main.audit import new_auditor
from shared.clock import SystemClock
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.models import ModelRecord
from shared.contracts.predict import Expired
from shared.contracts.topics import PREDICT_REQUESTS
from shared.kafka.clients import new_consumer, new_producer, started
from shared.testing.bundles import write_bundle
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka
LATER = {"Content-Type": "image/jpeg", "Prefer": "respond-async"}
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@asynccontextmanager
async def gateway(kafka):
    async with build_gateway(Settings(kafka=kafka)) as built:
        following = asyncio.create_task(built.run())
        async with asyncio.timeout(60):
            while not built.ready:
                await asyncio.sleep(0.05)
        transport = httpx.ASGITransport(built.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=60
        ) as http:
            yield http
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class OnDisk:
    """Stands for the registry: one bundle, in a folder."""

    def __init__(self, folder):
        self._folder = folder
        manifest = write_bundle(folder)
        self._record = ModelRecord(
            name="pneumonia",
            version=manifest.version,
            state="current",
            created_at_ms=0,
            bundle_sha256="1" * 64,
            manifest=manifest,
        )

    async def current(self):
        return self._record, self._folder

    async def announced(self):
        return self._record

    async def fetch(self, version):
        return self._record, self._folder

    def remember(self, record):
        pass


@asynccontextmanager
async def worker(kafka, folder):
    settings = inference_worker.main.Settings(kafka=kafka, cache_dir=folder, engine="noop")
    async with inference_worker.main.build(settings, bundles=OnDisk(folder / "b")) as built:
        stop = asyncio.Event()
        running = asyncio.create_task(built.run(stop))
        async with asyncio.timeout(60):
            while not all(built.readiness().values()):
                await asyncio.sleep(0.05)
        yield
        stop.set()
        await running


async def delete_all_requests(kafka):
    """Do what retention does after ten minutes."""
    topic = PREDICT_REQUESTS.prefixed(kafka.topic_prefix).name
    places = [TopicPartition(topic, n) for n in range(PREDICT_REQUESTS.partitions)]
    async with started(new_consumer(kafka, client_id="test")) as consumer:
        ends = await consumer.end_offsets(places)
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    await admin.delete_records({p: RecordsToDelete(before_offset=end) for p, end in ends.items()})
    await admin.close()


async def status_of(client, id_):
    response = await client.get(f"/v1/predictions/{id_}")
    return response.status_code, response.json().get("code", response.json().get("status"))


async def test_ids_of_before_an_outage_are_expired_after_it(kafka_settings, tmp_path):
    since_ms = SystemClock().now_ms()
    async with worker(kafka_settings, tmp_path):
        pass  # the group has committed offsets
    async with gateway(kafka_settings) as client:
        accepted = [
            (await client.post("/v1/predictions", content=new_jpeg(), headers=LATER)).json()["id"]
            for _ in range(3)
        ]
        late = await client.post(
            "/v1/predictions",
            content=new_jpeg(),
            headers={"Content-Type": "image/jpeg", "Prefer": "wait=0.3"},
        )
        ids = [*accepted, late.json()["id"]]
        await delete_all_requests(kafka_settings)
        async with new_auditor(kafka_settings, since_ms=since_ms) as auditor:
            report = await auditor.look()
        assert (report.accepted, report.deleted, report.pending) == (4, 4, 4)
        async with worker(kafka_settings, tmp_path), asyncio.timeout(60):
            for id_ in ids:
                while (await status_of(client, id_)) != (504, "deadline_exceeded"):
                    await asyncio.sleep(0.05)
            after = await client.post(
                "/predict", files={"file": ("a.jpeg", new_jpeg(), "image/jpeg")}
            )
            assert after.status_code == 200
    async with gateway(kafka_settings) as later:
        assert {await status_of(later, id_) for id_ in ids} == {(504, "deadline_exceeded")}
    async with new_auditor(kafka_settings, since_ms=since_ms, grace_ms=0) as auditor:
        report = await auditor.look()
    assert (report.accepted, report.expired, report.deleted_expired) == (5, 4, 4)
    assert report.sound


def id_made(age_ms):
    """A UUIDv7 of that age."""
    made_ms = SystemClock().now_ms() - age_ms
    return str(UUID(int=made_ms << 80 | 0x7 << 76 | 0x8 << 60 | age_ms))


@pytest.fixture
async def send(kafka_settings):
    async with started(new_producer(kafka_settings, client_id="test")) as producer:

        async def send(topic, id_, value=None, age_ms=0, headers=()):
            await producer.send_and_wait(
                f"{kafka_settings.topic_prefix}{topic}",
                key=id_.encode(),
                value=value,
                headers=list(headers),
                timestamp_ms=SystemClock().now_ms() - age_ms,
            )

        yield send


@pytest.mark.parametrize("age_ms", [20 * MINUTE_MS, 2 * HOUR_MS])
async def test_an_outcome_of_long_after_its_request_is_found(kafka_settings, send, age_ms):
    expired, unanswered, unheard_of = (id_made(age_ms + n) for n in range(3))
    for id_ in (expired, unanswered):
        entry = AcceptedRequest(id_, 1, 0, 0)
        await send("predict.accepted", id_, age_ms=age_ms, headers=entry.to_kafka())
    await send("predict.results", expired, Expired(id=expired, deadline_ms=1).to_bytes())
    async with gateway(kafka_settings) as client:
        assert await status_of(client, expired) == (504, "deadline_exceeded")
        # Within an hour its outcome is still due. Later it had one, which is past its retention.
        pending = (202, "pending") if age_ms < HOUR_MS else (404, "not_found")
        assert await status_of(client, unanswered) == pending
        assert await status_of(client, unheard_of) == (404, "not_found")
