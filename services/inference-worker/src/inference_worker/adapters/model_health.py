"""What the model that is served says, counted by its version."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from inference_worker.ports import Outcome
from shared.contracts.predict import Succeeded

_MAX_CLASSES = 50
_OTHER = "other"
_CONFIDENCE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)


class ModelHealth:
    """Counts classes, confidence and strangers of one version at a time, per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._labels = Counter(
            "pneumo_predicted_labels_total",
            "Answers that name a class.",
            ["version", "label"],
            registry=registry,
        )
        self._confidence = Histogram(
            "pneumo_confidence",
            "Probability of the class that an answer names.",
            ["version"],
            buckets=_CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self._strangers = Counter(
            "pneumo_out_of_domain_total",
            "Answers that say in_domain: false.",
            ["version"],
            registry=registry,
        )
        self._version: str | None = None
        self._classes: frozenset[str] = frozenset()

    def model_swapped(self, version: str, classes: Sequence[str]) -> None:
        """Begin at 0 with `version`; the series of the version before end."""
        for metric in (self._labels, self._confidence, self._strangers):
            metric.clear()
        self._version, self._classes = version, frozenset(classes[:_MAX_CLASSES])
        self._confidence.labels(version)
        self._strangers.labels(version)
        for label in (*classes[:_MAX_CLASSES], _OTHER):
            self._labels.labels(version, label)

    def batch_answered(self, outcomes: Sequence[Outcome]) -> None:
        """Count answers of the version served; those of the one before count no more."""
        for outcome in outcomes:
            if isinstance(outcome, Succeeded) and outcome.model.version == self._version:
                self._count(outcome, self._version)

    def _count(self, answer: Succeeded, version: str) -> None:
        label = answer.label if answer.label in self._classes else _OTHER
        self._labels.labels(version, label).inc()
        self._confidence.labels(version).observe(answer.confidence)
        if not answer.in_domain:
            self._strangers.labels(version).inc()
