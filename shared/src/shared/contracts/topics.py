"""The topics, declared once: names, partitions, settings.

Auto-creation is off on every broker we start; `shared.kafka.admin.create_topics` makes these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

MAX_IMAGE_BYTES = 8 * 1024 * 1024
"""Largest image accepted inline, bytes. Holds any radiograph; larger is HTTP 413."""

MAX_RECORD_BYTES = MAX_IMAGE_BYTES + 64 * 1024
"""Largest record of a request or an upload: an image plus its headers, bytes."""

MAX_DEAD_LETTER_BYTES = MAX_IMAGE_BYTES + 256 * 1024
"""Largest record of `predict.retry` and `predict.dlq`, bytes.

Whatever fits on `predict.requests` fits here with what workers add: at most 32 kB of stack and some
16 kB of attempts (tests/hostile/test_dead_letters.py).
"""

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as the cluster must hold it."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)

    def prefixed(self, prefix: str) -> "TopicSpec":
        """Give the same topic under another name, for shared clusters and for tests."""
        return replace(self, name=f"{prefix}{self.name}")


def _kept_for(retention_ms: int, **config: str) -> dict[str, str]:
    named = {key.replace("_", "."): value for key, value in config.items()}
    return {"cleanup.policy": "delete", "retention.ms": str(retention_ms), **named}


_IMAGES = {"max_message_bytes": str(MAX_RECORD_BYTES)}
_FAILED = {"max_message_bytes": str(MAX_DEAD_LETTER_BYTES)}
# A segment is only deleted once it is closed: ten minutes of retention need short segments.
_SHORT = {"segment_ms": str(_MINUTE_MS)}
_COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": str(_HOUR_MS),
    "delete.retention.ms": str(_HOUR_MS),
}

RESULTS_RETENTION_MS = _HOUR_MS
REQUESTS_RETENTION_MS = 10 * _MINUTE_MS
ACCEPTED_RETENTION_MS = _DAY_MS

PREDICT_REQUESTS = TopicSpec(
    "predict.requests", 24, _kept_for(REQUESTS_RETENTION_MS, **_IMAGES, **_SHORT)
)
PREDICT_RESULTS = TopicSpec(
    "predict.results", 4, _kept_for(RESULTS_RETENTION_MS, segment_ms=str(10 * _MINUTE_MS))
)
# Ids and numbers, no image: kept for longer than any request, so that an outage of hours can still
# be accounted for.
PREDICT_ACCEPTED = TopicSpec(
    "predict.accepted", 3, _kept_for(ACCEPTED_RETENTION_MS, segment_ms=str(_HOUR_MS))
)
PREDICT_RETRY = TopicSpec("predict.retry", 6, _kept_for(REQUESTS_RETENTION_MS, **_FAILED, **_SHORT))
PREDICT_DLQ = TopicSpec("predict.dlq", 3, _kept_for(7 * _DAY_MS, **_FAILED))
UPLOADS_LABELLED = TopicSpec("uploads.labelled", 6, _kept_for(7 * _DAY_MS, **_IMAGES))
TRAIN_COMMANDS = TopicSpec("train.commands", 1, _kept_for(7 * _DAY_MS))
TRAIN_EVENTS = TopicSpec("train.events", 1, _kept_for(7 * _DAY_MS))
MODELS_EVENTS = TopicSpec("models.events", 1, _COMPACTED)
WORKERS_STATUS = TopicSpec("workers.status", 1, _COMPACTED)

ALL_TOPICS = (
    PREDICT_REQUESTS,
    PREDICT_RESULTS,
    PREDICT_ACCEPTED,
    PREDICT_RETRY,
    PREDICT_DLQ,
    UPLOADS_LABELLED,
    TRAIN_COMMANDS,
    TRAIN_EVENTS,
    MODELS_EVENTS,
    WORKERS_STATUS,
)
