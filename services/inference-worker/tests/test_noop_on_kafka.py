"""A worker without an engine, on a real broker: the same path, and answers that say so."""

import asyncio

import pytest

from inference_worker.main import build
from inference_worker.settings import Settings
from shared.contracts.models import ModelRecord
from shared.testing.bundles import write_bundle

pytestmark = pytest.mark.kafka


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

    async def announced(self):
        return self._record

    async def fetch(self, version):
        return self._record, self._folder

    def remembered(self):
        return None

    def remember(self, record):
        pass


@pytest.mark.parametrize("engine", ["noop", "openvino"])
async def test_a_worker_without_an_engine_answers_the_classes_and_says_so(
    stage, new_request, tmp_path, engine
):
    """openvino: with `faults` and a simulated time it is not asked either, but images are read."""
    settings = Settings(
        kafka=stage.settings,
        cache_dir=tmp_path,
        engine=engine,
        faults=engine == "openvino",
        simulated_ms=0.1,
    )
    request, stop = new_request(), asyncio.Event()
    async with build(settings, bundles=OnDisk(tmp_path / "bundle")) as worker:
        running = asyncio.create_task(worker.run(stop))
        await stage.send([(request, b"no image")])
        (outcome,) = await stage.outcomes(1)
        stop.set()
        await running
    assert outcome.id == request.id
    if engine == "noop":
        assert outcome.status == "succeeded"
        assert len(set(outcome.probabilities.values())) == 1
        assert outcome.warnings[0] == "no_engine"
    else:
        assert outcome.code == "unsupported_media_type"
