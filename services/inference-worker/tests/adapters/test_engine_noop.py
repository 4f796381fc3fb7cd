"""A worker without an engine: it says so, and spares what an engine costs."""

import subprocess
import sys
from contextlib import closing

import pytest

from inference_worker.adapters.compute import ComputeThread
from inference_worker.adapters.engine_noop import NoOpLoader, leave_encoded
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import ModelRefusedError
from inference_worker.service import InferenceService
from shared.clock import SystemClock
from shared.contracts.headers import RequestHeaders
from shared.testing.bundles import write_bundle


async def answers(loader, bundle, *images):
    with closing(ComputeThread(0)) as pool:
        service = InferenceService(pool, pool, SystemClock(), decode=leave_encoded)
        service.swap(loader.load(bundle))
        deadline = SystemClock().now_ms() + 60_000
        return await service.answer(
            [
                PredictRequest(RequestHeaders(str(n), deadline), image, 0)
                for n, image in enumerate(images)
            ]
        )


async def test_what_is_no_image_is_answered_and_the_answer_says_that_it_means_nothing(tmp_path):
    write_bundle(tmp_path, classes=("healthy", "sick"))
    for outcome in await answers(NoOpLoader(), tmp_path, b"no image", b""):
        assert outcome.probabilities == {"healthy": 0.5, "sick": 0.5}
        assert outcome.warnings[0] == "no_engine"
        assert not outcome.in_domain


async def test_each_image_takes_the_simulated_time(tmp_path):
    write_bundle(tmp_path)
    slept_s = []
    loader = NoOpLoader(simulated_ms=20, sleep=slept_s.append)
    assert len(await answers(loader, tmp_path, b"1", b"2", b"3")) == 3
    assert slept_s == [pytest.approx(0.06)]
    await answers(NoOpLoader(sleep=slept_s.append), tmp_path, b"1")
    assert len(slept_s) == 1


def test_a_bundle_must_be_sound_although_nothing_of_it_is_compiled(tmp_path):
    manifest = write_bundle(tmp_path)
    assert NoOpLoader().load(tmp_path).manifest == manifest
    (tmp_path / "model.bin").write_bytes(b"damaged")
    with pytest.raises(ModelRefusedError):
        NoOpLoader().load(tmp_path)


def test_a_worker_is_composed_without_loading_openvino():
    program = (
        "import sys, inference_worker.main\n"
        "sys.exit(any(name.split('.')[0] == 'openvino' for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
