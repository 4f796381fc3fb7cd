"""What the worker counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inference_worker.core.dead_letter_budget import Exhausted
from inference_worker.ports import Outcome, RecordKind
from shared.contracts.dead_letters import Cause
from shared.contracts.errors import ErrorCode
from shared.contracts.models import RefusalCode
from shared.contracts.predict import Failed
from shared.observability.stages import StageSeconds

FAILURE_REASONS = (
    ErrorCode.EMPTY_FILE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNDECODABLE,
    ErrorCode.TOO_MANY_PIXELS,
    ErrorCode.INFERENCE_FAILED,
    ErrorCode.INTERNAL,
    ErrorCode.WORKER_CRASHED,
)
"""Codes of failed outcomes: what decoding refuses, and what requests are given up for."""

_OTHER = "other"
_SWAP_BUCKETS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


class WorkerMetrics:
    """Counts outcomes, batch sizes and the time of each stage, per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outcomes = _counter(
            registry,
            "pneumo_predictions_total",
            "Terminal outcomes published.",
            outcome=("succeeded", "failed", "expired"),
        )
        self._failures = _counter(
            registry,
            "pneumo_prediction_failures_total",
            "Outcomes that are failures, by what failed.",
            reason=(*FAILURE_REASONS, _OTHER),
        )
        self._stages = StageSeconds(registry)
        self._batch = Histogram(
            "pneumo_batch_size",
            "Requests taken together.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self._unreadable = Counter(
            "pneumo_unreadable_records_total",
            "Records without usable headers.",
            registry=registry,
        )
        self._model = Gauge(
            "pneumo_model_loaded",
            "1 for the model version that is served.",
            ["version"],
            registry=registry,
        )
        self._swaps = _counter(
            registry,
            "pneumo_model_swaps_total",
            "Models loaded or refused.",
            result=("loaded", "refused"),
        )
        self._swap_seconds = _new_swap_seconds(registry)
        self._refusing = Gauge(
            "pneumo_model_refusing",
            "1 while the current model is not served, by the code of the refusal.",
            ["code"],
            registry=registry,
        )
        self.refusal_ended()
        self._unremembered = Counter(
            "pneumo_models_not_remembered_total",
            "Models that are served and that the cache disk did not take note of.",
            registry=registry,
        )
        self._retries = Counter(
            "pneumo_retries_total", "Requests put back to be tried again.", registry=registry
        )
        self._dead_letters = _counter(
            registry, "pneumo_dead_letters_total", "Requests given up.", cause=Cause
        )
        self._refused = _counter(
            registry,
            "pneumo_records_refused_total",
            "Records that the broker refuses for good.",
            record=get_args(RecordKind),
        )
        self._exhausted = _counter(
            registry,
            "pneumo_dead_letter_budget_exhausted_total",
            "Pauses because too many requests became dead letters.",
            reason=Exhausted,
        )
        self._careful = Counter(
            "pneumo_careful_records_total",
            "Records tried alone, because the last owner of their partition died.",
            registry=registry,
        )
        self._waiting = Gauge(
            "pneumo_retries_waiting", "Requests held until their next attempt.", registry=registry
        )

    def batch_answered(self, outcomes: Sequence[Outcome], traces: Mapping[str, str]) -> None:
        """Count one batch whose outcomes the broker has confirmed. traces: ids, by request."""
        self._batch.observe(len(outcomes))
        for outcome in outcomes:
            self._outcomes.labels(outcome.status).inc()
            if isinstance(outcome, Failed):
                reason = outcome.code.value if outcome.code in FAILURE_REASONS else _OTHER
                self._failures.labels(reason).inc()
            if outcome.timings is None:
                continue
            for stage, took_ms in outcome.timings.stages_ms().items():
                self._stages.observe(stage, took_ms / 1e3, traces.get(outcome.id))

    def record_unreadable(self) -> None:
        """Count a record that is no request."""
        self._unreadable.inc()

    def retried(self) -> None:
        """Count a request that is to be tried again."""
        self._retries.inc()

    def dead_lettered(self, cause: Cause) -> None:
        """Count a request given up."""
        self._dead_letters.labels(cause).inc()

    def record_refused(self, kind: RecordKind) -> None:
        """Count a record that the broker refuses for good."""
        self._refused.labels(kind).inc()

    def budget_exhausted(self, reason: Exhausted) -> None:
        """Count a pause because too many requests became dead letters."""
        self._exhausted.labels(reason).inc()

    def tried_with_care(self) -> None:
        """Count a record taken alone because its partition's last owner died."""
        self._careful.inc()

    def waiting(self, requests: int) -> None:
        """Note how many more (or fewer) requests wait for their next attempt."""
        self._waiting.inc(requests)

    def model_swapped(self, version: str, took_s: float) -> None:
        """Note which version serves from now on, and how long it took to get it."""
        self._model.clear()
        self._model.labels(version).set(1)
        self._swaps.labels("loaded").inc()
        self._swap_seconds.observe(took_s)

    def model_refused(self, code: RefusalCode) -> None:
        """Count an attempt to serve the current model that failed, and note why."""
        self._swaps.labels("refused").inc()
        self.refusal_ended()
        self._refusing.labels(code).set(1)

    def refusal_ended(self) -> None:
        """Note that the current model is served."""
        for code in RefusalCode:
            self._refusing.labels(code).set(0)

    def model_not_remembered(self) -> None:
        """Count a served model that the cache did not take note of."""
        self._unremembered.inc()


def _counter(registry: CollectorRegistry, name: str, text: str, **labels: Iterable[str]) -> Counter:
    """Make a counter with one label; every value of it is exported as 0 from the start."""
    ((label, values),) = labels.items()
    counter = Counter(name, text, [label], registry=registry)
    for value in values:
        counter.labels(value)
    return counter


def _new_swap_seconds(registry: CollectorRegistry) -> Histogram:
    return Histogram(
        "pneumo_model_swap_seconds",
        "From asking for a model to serving it.",
        buckets=_SWAP_BUCKETS,
        registry=registry,
    )
