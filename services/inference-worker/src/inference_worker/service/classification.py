"""One batch of images, decoded and scored: what is wrong with one image stays with that image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from traceback import format_exception
from typing import TypeAlias, TypeVar

import numpy as np
import structlog
from structlog.contextvars import bound_contextvars

from inference_worker.core.decoding import Decoded
from inference_worker.core.explanations import explain
from inference_worker.core.requests import PredictRequest, queue_ms
from inference_worker.core.retries import FailedAttempt, one_line
from inference_worker.core.verdicts import Verdict, decide_verdict
from inference_worker.ports import BeginStep, Engine, Outcome, Pixels, Scores
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
from shared.image_headers import ImageHeader
from shared.input_features import Features
from shared.preprocessing import ImageError, upright_size

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Result = Outcome | FailedAttempt
"""How an attempt ended: in an outcome, which is terminal, or in a failure that may pass."""

EngineOutput: TypeAlias = tuple[Verdict, Pixels | None]
"""The verdict on one image, and its class maps float32 [G, G, C] if a request asks for them."""

Decode = Callable[[bytes, PreprocessingSpec, ImageHeader | None], Decoded]
"""As `core.decoding.decode`."""


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A batch whose images are decoded, or known to be undecodable.

    started_ms: when decoding began, unix milliseconds.
    """

    images: tuple[tuple[PredictRequest, Decoded | Failed | FailedAttempt], ...]
    started_ms: int
    decode_ms: float

    @property
    def features(self) -> list[Features]:
        """Return the features of every image that was decoded."""
        decoded = (image for _, image in self.images if isinstance(image, tuple))
        return [features for _, features in decoded if features is not None]


def decode_batch(
    begin_step: BeginStep,
    engine: Engine,
    requests: Sequence[PredictRequest],
    clock: Clock,
    *,
    decode: Decode,
) -> DecodedBatch:
    """Decode the images of one batch. begin_step: called before each step."""
    started_s, started_ms = clock.monotonic_s(), clock.now_ms()
    images = []
    for request in requests:
        begin_step((request,), in_engine=False)
        images.append((request, _decode(request, engine, decode)))
    return DecodedBatch(tuple(images), started_ms, _since_ms(started_s, clock))


def classify_batch(
    begin_step: BeginStep,
    engine: Engine,
    batch: DecodedBatch,
    clock: Clock,
    *,
    alone: bool = False,
) -> list[Result]:
    """Return exactly one result for each image of the batch. alone: see Engine.predict."""
    started_s = clock.monotonic_s()
    decoded = [(request, image[0]) for request, image in batch.images if isinstance(image, tuple)]
    outputs = _infer(engine, decoded, begin_step, alone=alone)
    infer_ms = _since_ms(started_s, clock)

    def spent(request: PredictRequest, infer_ms: float | None) -> Timings:
        waited_ms = queue_ms(request, batch.started_ms)
        return Timings(queue_ms=waited_ms, decode_ms=batch.decode_ms, infer_ms=infer_ms)

    results: list[Result] = [
        _timed(result, spent(request, None))
        for request, result in batch.images
        if not isinstance(result, tuple)
    ]
    for (request, _), output in zip(decoded, outputs, strict=True):
        begin_step((request,), in_engine=False)
        results.append(_conclude(request, output, engine, spent(request, infer_ms), clock))
    return results


def _since_ms(started_s: float, clock: Clock) -> float:
    return round((clock.monotonic_s() - started_s) * 1e3, 3)


def _decode(
    request: PredictRequest, engine: Engine, decode: Decode
) -> Decoded | Failed | FailedAttempt:
    with bound_contextvars(request_id=request.headers.id):
        spec = engine.manifest.preprocessing
        image = _caught(partial(decode, request.image, spec, request.header))
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
) -> list[EngineOutput | Exception]:
    if not images:
        return []
    begin_step([request for request, _ in images], in_engine=True)
    explained = any(request.headers.explain == CAM for request, _ in images)
    pixels = [one for _, one in images]
    outputs = _caught(partial(_outputs, engine, pixels, alone=alone, explained=explained))
    if not isinstance(outputs, Exception):
        return [*outputs]
    if len(images) == 1:
        return [outputs]
    # One image may have caused it: each alone, so that the others are classified.
    return [row for image in images for row in _infer(engine, [image], begin_step)]


def _outputs(
    engine: Engine, images: Sequence[Pixels], *, alone: bool, explained: bool
) -> list[EngineOutput]:
    scores = engine.predict(np.stack(images), alone=alone, explained=explained)
    maps = [None] * len(images) if scores.maps is None else scores.maps
    return [(_verdict(scores, n, engine.manifest), one) for n, one in enumerate(maps)]


def _caught(work: Callable[[], T]) -> T | Exception:
    """Return the result or the error: a bug that one request causes must not affect others."""
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
    output: EngineOutput | Exception,
    engine: Engine,
    timings: Timings,
    clock: Clock,
) -> Result:
    if isinstance(output, RuntimeError | ValueError):
        return _failed(request, Cause.INFERENCE_FAILED, output)
    if isinstance(output, Exception):
        return _failed(request, Cause.INTERNAL, output)
    verdict, maps = output
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
    timings = timings.model_copy(update={"explain_ms": _since_ms(started_s, clock)})
    return answer.model_copy(update={"explanation": explanation, "timings": timings})


def _explanation(
    request: PredictRequest, maps: Pixels | None, label: str, manifest: Manifest
) -> Explanation | None:
    """Return the explanation of an answer; None if there is none, and the answer stands."""
    if request.headers.explain != CAM or maps is None:
        return None
    given = _caught(lambda: explain(maps, label, upright_size(request.image), manifest))
    if isinstance(given, Exception):
        _log.error("explanation failed", request_id=request.headers.id, exc_info=given)
        return None
    return given
