"""Faults on purpose: what is marked does its harm, what is not is left alone."""

import asyncio
import signal
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from inference_worker.adapters.compute import ComputeThread
from inference_worker.adapters.faults import Faults
from inference_worker.core.decoding import decode
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import Scores
from inference_worker.service import InferenceService
from shared.clock import SystemClock
from shared.contracts.bundle import PreprocessingSpec
from shared.contracts.headers import RequestHeaders
from shared.preprocessing import preprocess
from shared.testing.bundles import new_manifest
from shared.testing.images import new_jpeg, new_marked_jpeg

SPEC = PreprocessingSpec()


class SureEngine:
    manifest = new_manifest(classes=("healthy", "sick"))

    def predict(self, pixels, *, alone=False, explained=False):
        return Scores(np.tile(np.array([0.0, 9.0], np.float32), (len(pixels), 1)), None)


class SureLoader:
    def load(self, bundle):
        return SureEngine()


async def answers(faults, *images):
    with closing(ComputeThread(0)) as pool:
        service = InferenceService(pool, pool, SystemClock(), decode=faults.decode)
        service.swap(faults.wrap(SureLoader()).load(None))
        deadline = SystemClock().now_ms() + 60_000
        requests = [
            PredictRequest(RequestHeaders(str(n), deadline), image, 0)
            for n, image in enumerate(images)
        ]
        return await service.answer(requests)


async def test_an_image_without_a_marker_is_decoded_as_ever():
    faults = Faults(asyncio.get_running_loop())
    for image in (new_jpeg(), new_marked_jpeg("none")):
        pixels, features = faults.decode(image, SPEC)
        assert np.array_equal(pixels, preprocess(new_jpeg(), SPEC))
        assert features == decode(new_jpeg(), SPEC)[1]
    assert [o.label for o in await answers(faults, new_jpeg())] == ["sick"]


async def test_the_engine_fails_on_a_marked_image_alone():
    engine = Faults(asyncio.get_running_loop()).wrap(SureLoader()).load(None)
    faults = Faults(asyncio.get_running_loop())
    images = (new_jpeg(), new_marked_jpeg("raise"))
    good, bad = (faults.decode(image, SPEC)[0] for image in images)
    assert len(engine.predict(good[None]).logits) == 1
    with pytest.raises(RuntimeError, match="on purpose"):
        engine.predict(np.stack([good, bad]))


async def test_a_marked_image_is_a_bug_in_decoding():
    with pytest.raises(KeyError):
        Faults(asyncio.get_running_loop()).decode(new_marked_jpeg("bug"), SPEC)


async def test_a_marked_image_stops_the_loop_and_is_answered():
    slept = []

    class Loop:
        def call_soon_threadsafe(self, call, seconds):
            slept.append((call.__name__, seconds))

    assert [o.status for o in await answers(Faults(Loop()), new_marked_jpeg("block=2.5"))] == [
        "succeeded"
    ]
    assert slept == [("sleep", 2.5)]


def test_a_marked_image_kills_its_process():
    program = (
        "import sys\n"
        "from inference_worker.adapters.faults import Faults\n"
        "from shared.contracts.bundle import PreprocessingSpec\n"
        "Faults(None).decode(sys.stdin.buffer.read(), PreprocessingSpec())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], input=new_marked_jpeg("crash"), check=False
    )
    assert ended.returncode == -signal.SIGKILL
