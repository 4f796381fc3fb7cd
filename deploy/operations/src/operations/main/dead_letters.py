"""The desk for dead letters, put together over the topics of one cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operations.adapters.audit_records import told_of
from operations.adapters.dead_letter_records import entry_of
from operations.adapters.dead_letter_topic import KafkaDeadLetters
from operations.adapters.kafka_log import kafka_log
from operations.adapters.requests import KafkaRequests
from operations.core.dead_letters import DeadLetterEntry
from operations.service.dead_letters import DeadLetterDesk
from shared.clock import Clock, SystemClock, new_id
from shared.contracts.topics import PREDICT_DLQ, PREDICT_REQUESTS, PREDICT_RESULTS
from shared.kafka.clients import new_producer, started
from shared.kafka.publisher import KafkaPublisher
from shared.kafka.settings import KafkaSettings

_PUBLISH_TIMEOUT_S = 5.0


@asynccontextmanager
async def new_desk(
    settings: KafkaSettings, *, clock: Clock | None = None
) -> AsyncIterator[DeadLetterDesk]:
    """Open the topics: dead letters from the beginning, outcomes from now on.

    Raises TopicUnreadableError.
    """
    clock = clock or SystemClock()
    dlq, requests, results = (
        spec.prefixed(settings.topic_prefix).name
        for spec in (PREDICT_DLQ, PREDICT_REQUESTS, PREDICT_RESULTS)
    )
    async with (
        started(new_producer(settings, client_id="operations")) as producer,
        kafka_log(settings, dlq, entry_of, from_ms=0, clock=clock) as log,
        kafka_log(settings, results, told_of, from_ms=clock.now_ms(), clock=clock) as told,
    ):
        publisher = KafkaPublisher(producer, timeout_s=_PUBLISH_TIMEOUT_S)
        letters = KafkaDeadLetters(settings, dlq, publisher)
        asked = KafkaRequests(publisher, requests)
        yield DeadLetterDesk(log, letters, asked, told, clock, new_id)


async def purge(
    desk: DeadLetterDesk, settings: KafkaSettings, entries: tuple[DeadLetterEntry, ...]
) -> None:
    """Note every one as purged, then delete what may be. Raises TopicUnreadableError."""
    await desk.purge(entries)
    topic = PREDICT_DLQ.prefixed(settings.topic_prefix).name
    async with kafka_log(settings, topic, entry_of, from_ms=0, clock=desk.clock) as everything:
        await desk.trim(everything)
