"""Clocks that are behind or are set back: no confirmed upload is dropped, none is miscounted."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from registry.main import build
from registry.settings import Settings
from shared.clock import SystemClock, new_id
from shared.contracts.dataset import UploadHeaders
from shared.contracts.topics import UPLOADS_LABELLED
from shared.kafka.clients import new_producer, started
from shared.testing.bundles import sha256_hex

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
CONTENT = b"a radiograph"
IMAGE = f"/v1/dataset/images/{sha256_hex(CONTENT)}"
BEHIND_MS = 10_000


class ShiftedClock(SystemClock):
    """The machine's clock, set forward or back."""

    shift_ms = 0

    def now_ms(self):
        return super().now_ms() + self.shift_ms


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
def settings(tmp_path, kafka_settings):
    return Settings(
        data_dir=tmp_path / "registry",
        database_url=None,
        seed_bundle=ROOT / "models" / "baseline",
        min_new_images=2,
        kafka=kafka_settings,
    )


@pytest.fixture
def upload(kafka_settings):
    """Send uploads as a gateway does, by its own clock."""

    async def upload(*contents, shift_ms=0):
        headers = UploadHeaders(id="u", label="NORMAL", content_type="image/png")
        topic = f"{kafka_settings.topic_prefix}{UPLOADS_LABELLED.name}"
        async with started(new_producer(kafka_settings, client_id="test")) as producer:
            for content in contents:
                await producer.send_and_wait(
                    topic,
                    key=sha256_hex(content).encode(),
                    value=content,
                    headers=headers.encode(),
                    timestamp_ms=time.time_ns() // 1_000_000 + shift_ms,
                )

    return upload


@asynccontextmanager
async def serving(settings, clock):
    async with build(settings, clock=clock) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http


async def consumed(http, count):
    """Return once the registry has taken in `count` uploads, whatever they did."""
    async with asyncio.timeout(90):
        while True:
            lines = (await http.get("/metrics")).text.splitlines()
            effects = [line for line in lines if line.startswith("pneumo_registry_uploads_total{")]
            if sum(float(line.rpartition(" ")[2]) for line in effects) >= count:
                return
            await asyncio.sleep(0.05)


async def test_an_upload_after_a_deletion_is_kept_though_the_gateways_clock_is_behind(
    settings, clock, upload
):
    async with serving(settings, clock) as http:
        await upload(CONTENT)
        await consumed(http, 1)
        assert (await http.delete(IMAGE)).status_code == 204
        await upload(CONTENT, shift_ms=-BEHIND_MS)
        await consumed(http, 2)
        assert (await http.get(IMAGE)).status_code == 200
        assert (await http.get(f"{IMAGE}/content")).content == CONTENT


async def test_an_upload_from_before_a_deletion_stays_out_though_the_gateways_clock_is_ahead(
    settings, clock, upload
):
    """The second copy lies in Kafka, not taken in yet, while the image is deleted."""
    async with serving(settings, clock) as http:
        await upload(CONTENT)
        await consumed(http, 1)
    full = settings.model_copy(update={"max_dataset_bytes": len(CONTENT)})
    other = b"larger than what there is room for"
    async with serving(full, clock) as http:
        # It does not fit, so it and whatever its partition has behind it wait.
        await upload(other, CONTENT, shift_ms=BEHIND_MS)
        assert (await http.delete(IMAGE)).status_code == 204
    async with serving(settings, clock) as http:
        await consumed(http, 2)
        assert (await http.get(f"/v1/dataset/images/{sha256_hex(other)}")).status_code == 200
        assert (await http.get(IMAGE)).status_code == 404


async def test_images_uploaded_after_the_clock_was_set_back_are_new(settings, clock, upload):
    async with serving(settings, clock) as http:
        await upload(b"1", b"2")
        await consumed(http, 2)
        assert (await train(http)).json()["state"] == "succeeded"
        assert (await train(http)).status_code == 422
        clock.shift_ms = -3_600_000
        await upload(b"3", b"4")
        await consumed(http, 4)
        assert (await train(http)).json()["state"] == "succeeded"


async def train(http):
    """Ask for a training and have it succeed at once; give the last answer."""
    id_ = new_id()
    asked = await http.post("/v1/jobs", json={"id": id_, "policy": "manual"})
    if asked.is_error:
        return asked
    version = (await http.get("/v1/models/current")).json()["version"]
    claim = {"holder": "trainer", "ttl_s": 60}
    (await http.post(f"/v1/jobs/{id_}/lease", json=claim)).raise_for_status()
    gate = {"accepted": True, "checks": [], "current_version": version, "images": 1}
    outcome = {"holder": "trainer", "state": "succeeded", "gate": gate, "model_version": version}
    return await http.post(f"/v1/jobs/{id_}/outcome", json=outcome)
