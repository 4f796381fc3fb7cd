"""The parts that serve predictions; none of them knows the registry."""

from gateway.adapters.dicom_processes import DecoderLimits
from gateway.adapters.group_lag import Followed, KafkaGroupLag
from gateway.adapters.outcome_log import KafkaOutcomeLog
from gateway.adapters.requests import KafkaRequests
from gateway.adapters.traced_requests import TracedRequests
from gateway.core.admission import Limits
from gateway.core.outcome_cache import OutcomeCache
from gateway.main.clients import Clients
from gateway.ports import BrokerProbe, LagWatcher, RequestPublisher
from gateway.service.predictions import PredictionService
from gateway.settings import Settings
from shared.clock import Clock
from shared.contracts.groups import RETRIES_GROUP, WORKERS_GROUP, prefixed_group
from shared.contracts.topics import PREDICT_REQUESTS, PREDICT_RESULTS, PREDICT_RETRY
from shared.kafka.clients import new_consumer
from shared.kafka.publisher import KafkaPublisher
from shared.observability.tracing import Tracer
from shared.preprocessing import MAX_PIXELS


def new_group_lag(settings: Settings, clients: Clients, watcher: LagWatcher) -> KafkaGroupLag:
    """Make the eye on the workers' groups."""
    prefix = settings.kafka.topic_prefix
    return KafkaGroupLag(
        clients.requests,
        clients.lookout,
        clients.groups,
        watcher,
        Followed(PREDICT_REQUESTS.prefixed(prefix).name, prefixed_group(WORKERS_GROUP, prefix)),
        Followed(PREDICT_RETRY.prefixed(prefix).name, prefixed_group(RETRIES_GROUP, prefix)),
    )


def new_decoder_limits(settings: Settings) -> DecoderLimits:
    """Give the bounds of decoding DICOM."""
    return DecoderLimits(
        processes=settings.dicom_processes,
        waiting=settings.max_dicom_waiting,
        timeout_s=settings.dicom_timeout_s,
        memory_bytes=settings.dicom_memory_bytes,
        max_pixels=MAX_PIXELS,
        max_png_bytes=settings.max_image_bytes,
    )


def new_prediction_service(
    settings: Settings, clients: Clients, probe: BrokerProbe, clock: Clock, tracer: Tracer | None
) -> PredictionService:
    """Make the service over its own producer. tracer: None without traces."""
    prefix = settings.kafka.topic_prefix
    requests_topic = PREDICT_REQUESTS.prefixed(prefix).name
    publisher = KafkaPublisher(clients.requests, timeout_s=settings.publish_timeout_s)
    requests: RequestPublisher = KafkaRequests(publisher, requests_topic)
    if tracer is not None:
        requests = TracedRequests(requests, tracer, requests_topic)
    outcome_log = KafkaOutcomeLog(
        lambda: new_consumer(settings.kafka, client_id=f"{settings.id}-lookup"),
        clients.requests,
        results_topic=PREDICT_RESULTS.prefixed(prefix).name,
        requests_topic=requests_topic,
        max_wait_ms=int(settings.max_wait_s * 1000),
    )
    return PredictionService(
        requests,
        outcome_log,
        probe,
        clock,
        Limits(settings.max_in_flight, settings.max_in_flight_bytes),
        OutcomeCache(settings.outcome_cache, settings.outcome_cache_bytes),
    )
