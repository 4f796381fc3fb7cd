"""Faults on purpose: what is marked does its harm, what is not is left alone."""

import asyncio
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from inference_worker.adapters.faults import Faults, UncompiledLoader
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import ModelRefusedError, Scores
from inference_worker.service import InferenceService
from shared.clock import SystemClock
from shared.contracts.bundle import PreprocessingSpec
from shared.contracts.headers import RequestHeaders
from shared.preprocessing import preprocess
from shared.testing.bundles import new_manifest, write_bundle
from shared.testing.images import new_jpeg

SPEC = PreprocessingSpec()


class SureEngine:
    manifest = new_manifest(classes=("healthy", "sick"))

    def predict(self, pixels, *, alone=False):
        return Scores(np.tile(np.array([0.0, 9.0], np.float32), (len(pixels), 1)), None)


class SureLoader:
    def load(self, bundle):
        return SureEngine()


def marked(fault):
    """A JPEG with a comment, as any encoder may write it."""
    comment = f"pneumo-fault:{fault}".encode()
    jpeg = new_jpeg()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


async def answers(faults, *images):
    with ThreadPoolExecutor(1) as pool:
        service = InferenceService(pool, SystemClock(), decode=faults.decode)
        service.swap(faults.wrap(SureLoader()).load(None))
        deadline = SystemClock().now_ms() + 60_000
        requests = [
            PredictRequest(RequestHeaders(str(n), deadline), image, 0)
            for n, image in enumerate(images)
        ]
        return await service.answer(requests)


async def test_an_image_without_a_marker_is_decoded_as_ever():
    faults = Faults(asyncio.get_running_loop())
    assert np.array_equal(faults.decode(new_jpeg(), SPEC), preprocess(new_jpeg(), SPEC))
    assert np.array_equal(faults.decode(marked("none"), SPEC), preprocess(new_jpeg(), SPEC))
    assert [o.label for o in await answers(faults, new_jpeg())] == ["sick"]


async def test_the_engine_fails_on_a_marked_image_alone():
    engine = Faults(asyncio.get_running_loop()).wrap(SureLoader()).load(None)
    faults = Faults(asyncio.get_running_loop())
    good, bad = faults.decode(new_jpeg(), SPEC), faults.decode(marked("raise"), SPEC)
    assert len(engine.predict(good[None]).logits) == 1
    with pytest.raises(RuntimeError, match="on purpose"):
        engine.predict(np.stack([good, bad]))


async def test_a_marked_image_is_a_bug_in_decoding():
    with pytest.raises(KeyError):
        Faults(asyncio.get_running_loop()).decode(marked("bug"), SPEC)


async def test_a_marked_image_stops_the_loop_and_is_answered():
    slept = []

    class Loop:
        def call_soon_threadsafe(self, call, seconds):
            slept.append((call.__name__, seconds))

    assert [o.status for o in await answers(Faults(Loop()), marked("block=2.5"))] == ["succeeded"]
    assert slept == [("sleep", 2.5)]


async def test_a_simulated_engine_answers_every_image_alike():
    faults = Faults(asyncio.get_running_loop(), simulated_ms=1.0)
    outcomes = await answers(faults, new_jpeg(), new_jpeg(seed=1))
    assert [sorted(o.probabilities.values()) for o in outcomes] == [[0.5, 0.5]] * 2


def test_a_marked_image_kills_its_process():
    program = (
        "import sys\n"
        "from inference_worker.adapters.faults import Faults\n"
        "from shared.contracts.bundle import PreprocessingSpec\n"
        "Faults(None).decode(sys.stdin.buffer.read(), PreprocessingSpec())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], input=marked("crash"), check=False)
    assert ended.returncode == -signal.SIGKILL


def test_a_simulated_engine_needs_a_sound_bundle_and_compiles_nothing(tmp_path):
    manifest = write_bundle(tmp_path)
    assert UncompiledLoader().load(tmp_path).manifest == manifest
    (tmp_path / "model.bin").write_bytes(b"damaged")
    with pytest.raises(ModelRefusedError):
        UncompiledLoader().load(tmp_path)
