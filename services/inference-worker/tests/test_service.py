"""N requests in, N outcomes out, whatever the images and the engine do."""

import asyncio
from contextlib import closing

import numpy as np
import pytest

from inference_worker.adapters.compute import ComputeThread
from inference_worker.core import decoding
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import Scores
from inference_worker.service import InferenceService
from shared.clock import SystemClock
from shared.contracts.dead_letters import Cause
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.testing.bundles import new_manifest
from shared.testing.images import new_jpeg


class CountingEngine:
    """Says `sick` with certainty; fails on any batch that holds a very dark first pixel."""

    manifest = new_manifest(classes=("healthy", "sick"), version="1")
    strangeness = None

    def __init__(self, *, fails_on: int | None = None, error=None, maps=None):
        self._maps = maps
        self.explained: list[bool] = []
        self._error = error or RuntimeError("engine on fire")
        self.batches: list[int] = []
        self.alone: list[bool] = []
        self._fails_on = fails_on

    def predict(self, pixels, *, alone=False, explained=False):
        self.batches.append(len(pixels))
        self.alone.append(alone)
        self.explained.append(explained)
        if self._fails_on is not None and len(pixels) >= self._fails_on:
            raise self._error
        logits = np.tile(np.array([0.0, 9.0], np.float32), (len(pixels), 1))
        strangeness = self.strangeness and np.tile(self.strangeness, (len(pixels), 1))
        maps = (
            np.stack([self._maps] * len(pixels)) if explained and self._maps is not None else None
        )
        return Scores(logits, strangeness, maps=maps)


class FixedClock(SystemClock):
    def now_ms(self):
        return 1_000


@pytest.fixture
def service():
    with closing(ComputeThread(0)) as pool:
        yield InferenceService(pool, pool, FixedClock())


def request(id_, image, deadline_ms=2_000, **headers):
    return PredictRequest(RequestHeaders(id_, deadline_ms, **headers), image, 900)


async def test_every_request_gets_its_own_outcome(service):
    engine = CountingEngine()
    service.swap(engine)
    outcomes = await service.answer(
        [
            request("good", new_jpeg()),
            request("text", b"hello"),
            request("late", new_jpeg(), deadline_ms=1_000),
            request("cut", new_jpeg()[:900]),
            request("also-good", new_jpeg(seed=2)),
        ]
    )
    by_id = {o.id: o for o in outcomes}
    assert {i: o.status for i, o in by_id.items()} == {
        "good": "succeeded",
        "text": "failed",
        "late": "expired",
        "cut": "failed",
        "also-good": "succeeded",
    }
    assert by_id["text"].code is ErrorCode.UNSUPPORTED_MEDIA_TYPE
    assert by_id["cut"].code is ErrorCode.UNDECODABLE
    assert by_id["good"].label == "sick"
    assert by_id["good"].model.version == "1"
    assert by_id["good"].timings.queue_ms == 100
    # Each tells how far it got.
    assert {i: [*o.timings.stages_ms()] for i, o in by_id.items()} == {
        "good": ["queue", "decode", "infer"],
        "text": ["queue", "decode"],
        "late": ["queue"],
        "cut": ["queue", "decode"],
        "also-good": ["queue", "decode", "infer"],
    }
    assert engine.batches == [2]


async def test_an_image_that_is_no_radiograph_says_so(service):
    engine = CountingEngine()
    engine.strangeness = [0.5, -0.2]
    service.swap(engine)
    (outcome,) = await service.answer([request("photo", new_jpeg())])
    assert (outcome.in_domain, outcome.warnings) == (False, ("not_a_chest_radiograph",))


async def test_an_expired_request_is_never_decoded(service):
    engine = CountingEngine()
    service.swap(engine)
    outcomes = await service.answer([request("late", b"not even an image", deadline_ms=1)])
    assert [o.status for o in outcomes] == ["expired"]
    assert engine.batches == []


async def test_a_failing_batch_is_tried_one_by_one(service):
    engine = CountingEngine(fails_on=2)
    service.swap(engine)
    outcomes = await service.answer([request(str(n), new_jpeg(seed=n)) for n in range(3)])
    assert [o.status for o in outcomes] == ["succeeded"] * 3
    assert engine.batches == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RuntimeError("engine on\nfire"), Cause.INFERENCE_FAILED),
        (ValueError("engine on fire"), Cause.INFERENCE_FAILED),
        (TypeError("engine on fire"), Cause.INTERNAL),
    ],
)
async def test_an_engine_that_fails_on_an_image_alone_may_be_asked_again(service, error, cause):
    service.swap(CountingEngine(fails_on=1, error=error))
    failed = await service.answer([request("a", new_jpeg()), request("b", new_jpeg())])
    assert [f.request.headers.id for f in failed] == ["a", "b"]
    assert {f.cause for f in failed} == {cause}
    assert {f.error for f in failed} == {f"{type(error).__name__}: engine on fire"}
    assert all("in predict" in f.stack for f in failed)


async def test_a_bug_in_decoding_stays_with_its_image():
    def decode(image, spec, header):
        if image == b"trap":
            raise KeyError("a bug")
        return decoding.decode(image, spec)

    with closing(ComputeThread(0)) as pool:
        service = InferenceService(pool, pool, FixedClock(), decode=decode)
        service.swap(CountingEngine())
        failed, good = await service.answer([request("trap", b"trap"), request("b", new_jpeg())])
    assert (failed.cause, failed.error) == (Cause.INTERNAL, "KeyError: 'a bug'")
    assert good.status == "succeeded"


async def test_nothing_is_answered_before_a_model_is_loaded(service):
    with pytest.raises(RuntimeError, match="no model"):
        await service.answer([request("a", new_jpeg())])


async def test_only_an_image_that_is_alone_in_the_worker_gets_all_its_cpus(service):
    engine = CountingEngine()
    service.swap(engine)
    await service.answer([request("lone", new_jpeg())])
    await asyncio.gather(*(service.answer([request(id_, new_jpeg())]) for id_ in ("a", "b")))
    await service.answer([request("late", new_jpeg(), deadline_ms=1_000), request("c", new_jpeg())])
    # Of two at once the first was alone when it began; the second found it under way.
    assert engine.alone == [True, True, False, True]


MAPS = np.zeros((14, 14, 2), np.float32)
MAPS[3, 4] = (0, 9 * 196)


async def test_each_gets_an_explanation_if_it_asks_and_a_warning_if_there_is_none(service):
    engine = CountingEngine(fails_on=5, maps=MAPS)
    service.swap(engine)
    asked = {"plain": None, "told": "cam", "odd": "tomorrow", "failed": "cam", "text": "cam"}
    images = {"failed": new_jpeg(), "text": b"hello"}
    outcomes = await service.answer(
        [request(id_, images.get(id_, new_jpeg()), explain=how) for id_, how in asked.items()]
    )
    by_id = {outcome.id: outcome for outcome in outcomes}
    warnings = {id_: by_id[id_].warnings for id_ in ("plain", "told", "odd")}
    assert warnings == {"plain": (), "told": (), "odd": ("explanation_unavailable",)}
    assert by_id["plain"].explanation is by_id["odd"].explanation is None
    explanation = by_id["told"].explanation
    assert explanation.of_class == "sick"
    assert np.mean(explanation.grid) == pytest.approx(explanation.logits["sick"]) == 9
    assert [*by_id["told"].timings.stages_ms()] == ["queue", "decode", "infer", "explain"]
    assert [*by_id["plain"].timings.stages_ms()] == ["queue", "decode", "infer"]
    assert by_id["text"].status == "failed"
    assert b"explanation" not in by_id["plain"].to_bytes()
    await service.answer([request("plain", new_jpeg())])
    assert engine.explained == [True, False]


@pytest.mark.parametrize("maps", [None, MAPS[..., :1]])
async def test_a_model_that_cannot_explain_still_answers(service, maps):
    service.swap(CountingEngine(fails_on=2, maps=maps))
    outcomes = await service.answer([request(id_, new_jpeg(), explain="cam") for id_ in ("a", "b")])
    assert [outcome.label for outcome in outcomes] == ["sick", "sick"]
    assert {outcome.warnings for outcome in outcomes} == {("explanation_unavailable",)}
