"""Images in, drift index out: real decoding, the shipped bundle's reference, the worker's parts."""

import io
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from inference_worker.adapters.compute import ComputeThread
from inference_worker.adapters.engine_noop import NoOpLoader
from inference_worker.adapters.input_drift import InputDrift
from inference_worker.core.drift import DriftLimits
from inference_worker.core.requests import PredictRequest
from inference_worker.service import InferenceService
from shared.bundle_files import read_manifest
from shared.clock import SystemClock
from shared.contracts.headers import RequestHeaders
from shared.preprocessing import decode_grey
from shared.testing.bundles import write_bundle

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "models" / "baseline"
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
VERSION = read_manifest(BUNDLE).version
IMAGES = 60


class Worker:
    """The worker's own service, decoder and metric; no engine, which has no part in this."""

    def __init__(self, compute, bundle=BUNDLE):
        self.registry = CollectorRegistry()
        self.clock = SystemClock()
        self.drift = InputDrift(self.registry, self.clock, limits=DriftLimits(least=IMAGES))
        self.service = InferenceService(
            compute, compute, self.clock, on_seen=self.drift.images_seen
        )
        self.load(bundle)

    def load(self, bundle):
        engine = NoOpLoader().load(bundle)
        self.service.swap(engine)
        self.drift.model_swapped(engine.manifest.version, engine.manifest.reference)

    async def answer(self, images):
        deadline_ms = self.clock.now_ms() + 600_000
        requests = [
            PredictRequest(RequestHeaders(str(n), deadline_ms), image, 0)
            for n, image in enumerate(images)
        ]
        return await self.service.answer(requests)

    def index(self, feature, version=VERSION):
        labels = {"version": version, "feature": feature}
        return self.registry.get_sample_value("pneumo_drift_index", labels)


@pytest.fixture
def compute():
    with closing(ComputeThread(0)) as pool:
        yield pool


def radiographs(share=1.0):
    """As many images as training's deciles have, each as bright as one of them, times `share`."""
    grey = decode_grey(SAMPLES[0].read_bytes(), 224).astype(np.float32)
    usual = grey.mean() / 255
    edges = read_manifest(BUNDLE).reference.histograms["brightness"].edges
    between = [edges[0] - 0.02, *np.convolve(edges, (0.5, 0.5), "valid"), edges[-1] + 0.02]
    return [png(grey * (brightness / usual) * share) for brightness in between]


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


async def test_images_as_bright_as_those_of_training_are_alike_and_darkened_ones_are_not(compute):
    worker = Worker(compute)
    await worker.answer(radiographs() * (IMAGES // 10))
    assert worker.index("brightness") < 0.05
    darkened = Worker(compute)
    await darkened.answer(radiographs(0.7) * (IMAGES // 10))
    assert darkened.index("brightness") > 0.25


async def test_only_decoded_images_count_and_too_few_give_no_index(compute):
    worker = Worker(compute)
    await worker.answer([*radiographs() * (IMAGES // 10 - 1), *[b"no image"] * IMAGES])
    assert worker.index("brightness") is None
    await worker.answer(radiographs())
    assert worker.index("brightness") is not None
    assert worker.index("edge_density") is not None


async def test_a_bundle_without_a_reference_is_served_and_has_no_index(compute, tmp_path):
    assert write_bundle(tmp_path, version="old").reference is None
    worker = Worker(compute, tmp_path)
    outcomes = await worker.answer(radiographs() * (IMAGES // 10))
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert not any(family.samples for family in worker.registry.collect())


async def test_another_version_begins_with_no_image_and_what_comes_late_for_the_old_counts_not(
    compute, tmp_path
):
    worker = Worker(compute)
    await worker.answer(radiographs() * (IMAGES // 10))
    manifest = read_manifest(BUNDLE)
    worker.drift.model_swapped("next", manifest.reference)
    worker.drift.images_seen(manifest.version, [(0.1, 0.1)] * IMAGES)
    assert (worker.index("brightness"), worker.index("brightness", "next")) == (None, None)
    worker.drift.images_seen("next", [(0.1, 0.1)] * IMAGES)
    assert worker.index("brightness") is None
    assert worker.index("brightness", "next") > 0.25
    worker.load(write_and_give(tmp_path))
    assert not any(family.samples for family in worker.registry.collect())


def write_and_give(folder):
    write_bundle(folder)
    return folder
