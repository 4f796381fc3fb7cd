"""The story of a batch: who is still waiting, what the engine says, what they are told."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from traceback import format_exception
from typing import TypeAlias, TypeVar

import numpy as np
import structlog
from structlog.contextvars import bound_contextvars

from inference_worker.core.attempts import split_overdue
from inference_worker.core.decoding import Decoded, decode
from inference_worker.core.explanations import explain
from inference_worker.core.requests import PredictRequest, queue_ms, triage
from inference_worker.core.retries import FailedAttempt, one_line
from inference_worker.core.verdicts import Verdict, decide_verdict
from inference_worker.ports import (
    BeginStep,
    Compute,
    Engine,
    Outcome,
    Pixels,
    Scores,
    StepOverdueError,
    StuckEngineError,
)
from shared.clock import Clock
from shared.contracts.bundle import Manifest, PreprocessingSpec
from shared.contracts.dead_letters import Cause
from shared.contracts.predict import (
    CAM,
    EXPLANATION_UNAVAILABLE,
    Explanation,
    Failed,
    ModelRef,
    Succeeded,
    Timings,
)
from shared.domain_guard import reasons_of
from shared.input_features import Features
from shared.preprocessing import ImageError, upright_size

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Result = Outcome | FailedAttempt
"""How an attempt ended: in an outcome, which is terminal, or in a failure that may pass."""

Said: TypeAlias = tuple[Verdict, Pixels | None]
"""What the engine says of one image, and its class maps float32 [G, G, C], if somebody asks."""

Decode = Callable[[bytes, PreprocessingSpec], Decoded]
"""As `core.decoding.decode`."""
OnSeen = Callable[[str, Sequence[Features]], None]
"""Told, on the loop, the model version and what the images decoded for it look like."""


class InferenceService:
    """Turns N requests into N results; the engine can be exchanged between two batches."""

    def __init__(
        self,
        compute: Compute,
        clock: Clock,
        *,
        decode: Decode = decode,
        on_seen: OnSeen = lambda _version, _images: None,
    ) -> None:
        self._compute = compute
        self._clock = clock
        self._decode = decode
        self._on_seen = on_seen
        self._engine: Engine | None = None
        self._in_flight = 0
        self._free = asyncio.Event()
        self._free.set()

    @property
    def engine(self) -> Engine | None:
        """The model that the next batch will use; None until one is loaded."""
        return self._engine

    @property
    def version(self) -> str | None:
        """The version of that model."""
        return None if self._engine is None else self._engine.manifest.version

    def swap(self, engine: Engine) -> Engine | None:
        """Serve with `engine` from the next batch on; a batch under way keeps its own.

        Gives the engine that was served before.
        """
        before, self._engine = self._engine, engine
        return before

    async def is_free(self, within_s: float) -> bool:
        """Tell whether a batch could begin now, or could within so long: return as soon as so."""
        try:
            async with asyncio.timeout(within_s):
                await self._free.wait()
        except TimeoutError:
            return False
        return True

    async def answer(self, requests: Sequence[PredictRequest]) -> list[Result]:
        """Give exactly one result for each request; expired ones are never decoded.

        Raises RuntimeError if no model is loaded: nothing may be consumed before.
        """
        engine = self._engine
        if engine is None:
            raise RuntimeError("no model is loaded")
        sorted_out = triage(requests, self._clock.now_ms())
        if not sorted_out.live:
            return list(sorted_out.expired)
        return [*sorted_out.expired, *await self._compute_results(engine, sorted_out.live)]

    async def _compute_results(
        self, engine: Engine, live: Sequence[PredictRequest]
    ) -> list[Result]:
        self._in_flight += len(live)
        self._free.clear()
        # Under load every core has a batch of its own; a lone image would leave the others idle.
        alone = self._in_flight == 1
        try:
            return await self._classified(engine, live, alone=alone)
        finally:
            self._in_flight -= len(live)
            if not self._in_flight:
                self._free.set()

    async def _classified(
        self, engine: Engine, live: Sequence[PredictRequest], *, alone: bool
    ) -> list[Result]:
        try:
            results, seen = await self._compute.run(
                partial(classify, engine, live, self._clock, decode=self._decode, alone=alone)
            )
        except StepOverdueError as error:
            split = split_overdue(live, error.requests, one_line(error), in_engine=error.in_engine)
            if split is None:
                raise StuckEngineError(str(error)) from error
            quarantined, others = split
            # In a new thread: the stuck one keeps its image.
            answered = await self._classified(engine, others, alone=False) if others else []
            return [quarantined, *answered]
        self._on_seen(engine.manifest.version, seen)
        return results


def classify(
    engine: Engine,
    requests: Sequence[PredictRequest],
    clock: Clock,
    begin_step: BeginStep,
    *,
    decode: Decode,
    alone: bool = False,
) -> tuple[list[Result], list[Features]]:
    """Decode and infer one batch; whatever is wrong with one image stays with that image.

    Gives the results, and the features of every image that was decoded. alone: see Engine.predict.
    begin_step: called before each step.
    """
    started_s, started_ms = clock.monotonic_s(), clock.now_ms()
    read = []
    for request in requests:
        begin_step((request,), in_engine=False)
        read.append((request, _decode(request, engine, decode)))
    decoded = [(request, *image) for request, image in read if isinstance(image, tuple)]
    decoded_s = clock.monotonic_s()
    images = [(request, pixels) for request, pixels, _ in decoded]
    said = _infer(engine, images, begin_step, alone=alone)
    infer_ms = round((clock.monotonic_s() - decoded_s) * 1e3, 3)
    decode_ms = round((decoded_s - started_s) * 1e3, 3)

    def spent(request: PredictRequest, infer_ms: float | None) -> Timings:
        waited_ms = queue_ms(request, started_ms)
        return Timings(queue_ms=waited_ms, decode_ms=decode_ms, infer_ms=infer_ms)

    results: list[Result] = [
        _timed(result, spent(request, None))
        for request, result in read
        if not isinstance(result, tuple)
    ]
    for (request, _, _), one in zip(decoded, said, strict=True):
        begin_step((request,), in_engine=False)
        results.append(_conclude(request, one, engine, spent(request, infer_ms), clock))
    return results, [features for _, _, features in decoded if features is not None]


def _decode(
    request: PredictRequest, engine: Engine, decode: Decode
) -> Decoded | Failed | FailedAttempt:
    with bound_contextvars(request_id=request.headers.id):
        image = _caught(partial(decode, request.image, engine.manifest.preprocessing))
    if isinstance(image, ImageError):
        _log.info("image failed", request_id=request.headers.id, code=image.code)
        return Failed(id=request.headers.id, code=image.code, detail=image.detail)
    return _failed(request, Cause.INTERNAL, image) if isinstance(image, Exception) else image


def _timed(result: Failed | FailedAttempt, timings: Timings) -> Result:
    if isinstance(result, FailedAttempt):
        return result
    return result.model_copy(update={"timings": timings})


def _infer(
    engine: Engine,
    images: Sequence[tuple[PredictRequest, Pixels]],
    begin_step: BeginStep,
    *,
    alone: bool = False,
) -> list[Said | Exception]:
    if not images:
        return []
    begin_step([request for request, _ in images], in_engine=True)
    explained = any(request.headers.explain == CAM for request, _ in images)
    pixels = [one for _, one in images]
    said = _caught(partial(_said, engine, pixels, alone=alone, explained=explained))
    if not isinstance(said, Exception):
        return [*said]
    if len(images) == 1:
        return [said]
    # Which one was it? Each alone: the others still get their answer.
    return [row for image in images for row in _infer(engine, [image], begin_step)]


def _said(engine: Engine, images: Sequence[Pixels], *, alone: bool, explained: bool) -> list[Said]:
    scores = engine.predict(np.stack(images), alone=alone, explained=explained)
    maps = [None] * len(images) if scores.maps is None else scores.maps
    return [(_verdict(scores, n, engine.manifest), one) for n, one in enumerate(maps)]


def _caught(work: Callable[[], T]) -> T | Exception:
    """Do it, or give the error: a bug met in one message must not touch its neighbours."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  the one boundary around a single message
        return error


def _failed(request: PredictRequest, cause: Cause, error: Exception) -> FailedAttempt:
    _log.error("attempt failed", request_id=request.headers.id, cause=cause, exc_info=error)
    return FailedAttempt(request, cause, one_line(error), "".join(format_exception(error)))


def _verdict(scores: Scores, n: int, manifest: Manifest) -> Verdict:
    strange = () if scores.strangeness is None else reasons_of(scores.strangeness[n])
    return decide_verdict(scores.logits[n], manifest, scores.meaningless + strange)


def _conclude(
    request: PredictRequest,
    said: Said | Exception,
    engine: Engine,
    timings: Timings,
    clock: Clock,
) -> Result:
    if isinstance(said, RuntimeError | ValueError):
        return _failed(request, Cause.INFERENCE_FAILED, said)
    if isinstance(said, Exception):
        return _failed(request, Cause.INTERNAL, said)
    verdict, maps = said
    manifest = engine.manifest
    answer = Succeeded(
        id=request.headers.id,
        label=verdict.label,
        confidence=verdict.confidence,
        probabilities=verdict.probabilities,
        model=ModelRef(name=manifest.name, version=manifest.version),
        in_domain=verdict.in_domain,
        warnings=request.headers.warnings + verdict.warnings,
        timings=timings,
    )
    if request.headers.explain is None:
        return answer
    started_s = clock.monotonic_s()
    explanation = _explanation(request, maps, answer.label, manifest)
    if explanation is None:
        warnings = (*answer.warnings, EXPLANATION_UNAVAILABLE)
        return answer.model_copy(update={"warnings": warnings})
    explain_ms = round((clock.monotonic_s() - started_s) * 1e3, 3)
    timings = timings.model_copy(update={"explain_ms": explain_ms})
    return answer.model_copy(update={"explanation": explanation, "timings": timings})


def _explanation(
    request: PredictRequest, maps: Pixels | None, label: str, manifest: Manifest
) -> Explanation | None:
    """Explain an answer; None if it cannot be, which costs nobody the answer."""
    if request.headers.explain != CAM or maps is None:
        return None
    given = _caught(lambda: explain(maps, label, upright_size(request.image), manifest))
    if isinstance(given, Exception):
        _log.error("explanation failed", request_id=request.headers.id, exc_info=given)
        return None
    return given
