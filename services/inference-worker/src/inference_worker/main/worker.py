"""A worker whose parts are made, at work until it is asked to stop."""

import asyncio
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from inference_worker.adapters.status import StatusReporter
from inference_worker.service import InferenceService
from inference_worker.subscribers.intake import Intake
from inference_worker.subscribers.models import ModelFollower
from inference_worker.subscribers.predictions import PredictionConsumer
from shared.kafka.clients import started_unless
from shared.kafka.topic_reader import TopicReader
from shared.observability.health import new_health_app

_READY_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker whose parts are made; `run` connects them and sets them to work."""

    producer: AIOKafkaProducer
    service: InferenceService
    intake: Intake
    models: ModelFollower
    models_reader: TopicReader
    status: StatusReporter
    metrics_registry: CollectorRegistry
    stuck: asyncio.Event
    """Set once a thread of this process is stuck: it must end."""

    @property
    def predictions(self) -> PredictionConsumer:
        """The consumer of requests, as it is now: each pause ends with a new one."""
        return self.intake.predictions

    @property
    def retries(self) -> PredictionConsumer:
        """The consumer of retries, as it is now."""
        return self.intake.retries

    def readiness(self) -> dict[str, bool]:
        """Ready when a model is loaded and warmed, and partitions are assigned.

        A worker whose dead-letter budget is exhausted has none: its own check says why.
        """
        return {
            "model": self.service.engine is not None,
            "partitions": self.predictions.assigned > 0,
            "dead_letter_budget": self.intake.paused is None,
        }

    def new_app(self) -> Starlette:
        """The HTTP side: health and metrics."""
        return new_health_app(self.readiness, self.metrics_registry)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, once Kafka is there. Nothing is consumed before a model is loaded."""
        async with started_unless(stop, self.producer) as is_started:
            if is_started:
                await self._work(stop)

    async def _work(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            aside = [
                tasks.create_task(self.models_reader.run()),
                tasks.create_task(self.status.run()),
                tasks.create_task(self._watch_readiness()),
            ]
            loading = tasks.create_task(self.models.load_first())
            stopping = tasks.create_task(stop.wait())
            await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            aside.append(tasks.create_task(self.models.follow()))
            if not stop.is_set():
                await self.intake.run(stop)
            for task in (*aside, loading, stopping):
                task.cancel()
        await self.status.leave()

    async def _watch_readiness(self) -> None:
        while True:
            self.status.update(
                ready=all(self.readiness().values()),
                partitions=self.predictions.assigned,
                paused=self.intake.paused,
            )
            await asyncio.sleep(_READY_POLL_S)
