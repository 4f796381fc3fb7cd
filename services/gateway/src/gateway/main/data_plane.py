"""The components that serve predictions; none of them uses the registry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.adapters.accepted_log import KafkaAcceptedLog
from gateway.adapters.broker_probe import KafkaProbe
from gateway.adapters.dicom_processes import DecoderLimits
from gateway.adapters.group_lag import GroupSubscription, KafkaGroupLag
from gateway.adapters.outcome_log import KafkaOutcomeLog, LookupTopics
from gateway.adapters.reader_pool import ReaderPool
from gateway.adapters.requests import KafkaRequestPublisher
from gateway.adapters.traced_requests import TracedRequestPublisher
from gateway.core.admission import AdmissionLimits
from gateway.core.outcome_cache import OutcomeCache
from gateway.main.clients import Clients
from gateway.ports import LagObserver, OutcomeLog, RequestPublisher
from gateway.service.outcomes import OutcomeFinder
from gateway.service.predictions import PredictionService
from gateway.settings import Settings
from shared.clock import Clock
from shared.contracts.groups import RETRIES_GROUP, WORKERS_GROUP, prefixed_group
from shared.contracts.topics import (
    PREDICT_ACCEPTED,
    PREDICT_REQUESTS,
    PREDICT_RESULTS,
    PREDICT_RETRY,
    TopicSpec,
)
from shared.kafka.clients import new_consumer
from shared.kafka.publisher import KafkaPublisher
from shared.observability.tracing import Tracer
from shared.preprocessing import MAX_PIXELS

_LOOKUPS = 4
"""Concurrent look-ups by id, each with its own consumer."""
_MAX_WAITING_LOOKUPS = 64
_LOOKUP_FETCH_WAIT_MS = 20
"""A consumer whose last fetch still waits on the broker cannot send its next one."""


def new_group_lag(settings: Settings, clients: Clients, watcher: LagObserver) -> KafkaGroupLag:
    """Make the monitor of the workers' consumer lag."""
    prefix = settings.kafka.topic_prefix

    def followed(topic: TopicSpec, group: str) -> GroupSubscription:
        # Until 0.1.0 groups had no prefix; while releases are mixed, both count.
        former = group if prefix else None
        return GroupSubscription(topic.prefixed(prefix).name, prefixed_group(group, prefix), former)

    return KafkaGroupLag(
        clients.requests,
        clients.metadata_client,
        clients.groups,
        watcher,
        followed(PREDICT_REQUESTS, WORKERS_GROUP),
        followed(PREDICT_RETRY, RETRIES_GROUP),
    )


def new_decoder_limits(settings: Settings) -> DecoderLimits:
    """Return the limits of decoding DICOM."""
    return DecoderLimits(
        processes=settings.dicom_processes,
        waiting=settings.max_dicom_waiting,
        timeout_s=settings.dicom_timeout_s,
        memory_bytes=settings.dicom_memory_bytes,
        max_pixels=MAX_PIXELS,
        max_png_bytes=settings.max_image_bytes,
    )


@asynccontextmanager
async def open_outcome_log(
    settings: Settings, clients: Clients, probe: KafkaProbe, clock: Clock
) -> AsyncIterator[KafkaOutcomeLog]:
    """Open the look-ups by id; their consumers connect on first use."""
    prefix = settings.kafka.topic_prefix
    readers = ReaderPool(
        lambda: new_consumer(
            settings.kafka,
            client_id=f"{settings.id}-lookup",
            fetch_max_wait_ms=_LOOKUP_FETCH_WAIT_MS,
        ),
        size=_LOOKUPS,
        max_waiting=_MAX_WAITING_LOOKUPS,
    )
    log = KafkaOutcomeLog(
        readers,
        clients.requests,
        clock,
        LookupTopics(
            results=PREDICT_RESULTS.prefixed(prefix).name,
            requests=PREDICT_REQUESTS.prefixed(prefix).name,
            accepted=PREDICT_ACCEPTED.prefixed(prefix).name,
        ),
        has_topic=probe.has_topic,
        max_wait_ms=int(settings.max_wait_s * 1000),
    )
    try:
        yield log
    finally:
        await log.close()
        await readers.close()


def new_prediction_service(
    settings: Settings,
    clients: Clients,
    outcome_log: OutcomeLog,
    probe: KafkaProbe,
    clock: Clock,
    tracer: Tracer | None,
) -> PredictionService:
    """Make the prediction service. tracer: None without traces."""
    prefix = settings.kafka.topic_prefix
    requests_topic = PREDICT_REQUESTS.prefixed(prefix).name
    publisher = KafkaPublisher(clients.requests, timeout_s=settings.publish_timeout_s)
    requests: RequestPublisher = KafkaRequestPublisher(publisher, requests_topic)
    if tracer is not None:
        requests = TracedRequestPublisher(requests, tracer, requests_topic)
    cache = OutcomeCache(settings.outcome_cache, settings.outcome_cache_bytes)
    return PredictionService(
        requests,
        KafkaAcceptedLog(publisher, PREDICT_ACCEPTED.prefixed(prefix).name, probe.has_topic),
        OutcomeFinder(outcome_log, probe, clock, cache),
        probe,
        clock,
        AdmissionLimits(settings.max_in_flight, settings.max_in_flight_bytes),
    )
