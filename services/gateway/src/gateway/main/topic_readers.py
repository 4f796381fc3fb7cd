"""The readers of Kafka topics, and what handles their records."""

from collections.abc import Callable

from gateway.main.control_plane import ControlPlane
from gateway.service.predictions import PredictionService
from gateway.settings import Settings
from gateway.subscribers.cluster import ClusterView
from gateway.subscribers.results import on_result
from gateway.subscribers.train_events import on_train_event
from shared.contracts.topics import (
    MODELS_EVENTS,
    PREDICT_RESULTS,
    TRAIN_EVENTS,
    WORKERS_STATUS,
    TopicSpec,
)
from shared.kafka.clients import new_consumer
from shared.kafka.topic_reader import Record, StartAt, TopicReader


def new_readers(
    settings: Settings, predictions: PredictionService, plane: ControlPlane, cluster: ClusterView
) -> tuple[TopicReader, ...]:
    """Make one reader per topic, without a consumer group; none runs yet."""

    def new_reader(
        topic: TopicSpec, on_record: Callable[[Record], None], start_at: StartAt
    ) -> TopicReader:
        client_id = f"{settings.id}-{topic.name}"
        return TopicReader(
            lambda: new_consumer(settings.kafka, client_id=client_id),
            topic.prefixed(settings.kafka.topic_prefix).name,
            on_record,
            start_at=start_at,
        )

    def on_promoted(record: Record) -> None:
        cluster.on_model_promoted(record)
        plane.current.on_announced()

    forward_to_feeds = on_train_event(plane.feeds.on_train_event)

    def on_trained(record: Record) -> None:
        cluster.on_train_event(record)
        forward_to_feeds(record)

    return (
        new_reader(PREDICT_RESULTS, on_result(predictions.on_outcome), StartAt.END),
        new_reader(WORKERS_STATUS, cluster.on_worker_status, StartAt.BEGINNING),
        new_reader(MODELS_EVENTS, on_promoted, StartAt.BEGINNING),
        new_reader(TRAIN_EVENTS, on_trained, StartAt.BEGINNING),
    )
