"""An auditor put together over the topics of one cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operations.adapters.audit_records import accepted_of, dead_of, entry_of, told_of
from operations.adapters.kafka_log import kafka_log, kafka_log_if_there
from operations.service.audit import Auditor
from shared.clock import Clock, SystemClock
from shared.contracts.topics import (
    PREDICT_ACCEPTED,
    PREDICT_DLQ,
    PREDICT_REQUESTS,
    PREDICT_RESULTS,
)
from shared.kafka.settings import KafkaSettings

GRACE_MS = 30_000
"""A session timeout (6 s), a restart with its model, and the records that waited meanwhile."""

_CLOCK_SKEW_MS = 5_000


@asynccontextmanager
async def new_auditor(
    settings: KafkaSettings, *, since_ms: int, grace_ms: int = GRACE_MS, clock: Clock | None = None
) -> AsyncIterator[Auditor]:
    """Open the topics at a moment, unix ms. Raises TopicUnreadableError.

    A cluster of before `predict.accepted` is audited without it.
    """
    clock = clock or SystemClock()
    prefix = settings.topic_prefix
    # An outcome carries its worker's clock, which may be behind the gateway's.
    then_ms = since_ms - _CLOCK_SKEW_MS
    requests, entries, results, dead_letters = (
        spec.prefixed(prefix).name
        for spec in (PREDICT_REQUESTS, PREDICT_ACCEPTED, PREDICT_RESULTS, PREDICT_DLQ)
    )
    async with (
        kafka_log(settings, requests, accepted_of, from_ms=since_ms, clock=clock) as accepted,
        kafka_log_if_there(settings, entries, entry_of, from_ms=since_ms, clock=clock) as entry_log,
        kafka_log(settings, results, told_of, from_ms=then_ms, clock=clock) as told,
        kafka_log(settings, dead_letters, dead_of, from_ms=then_ms, clock=clock) as dead,
    ):
        yield Auditor(accepted, entry_log, told, dead, clock, since_ms, grace_ms)
