"""The two groups that a worker is a member of: new requests, and those that failed before."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from inference_worker.adapters.accepted import KafkaAccepted
from inference_worker.adapters.compute import ComputeThread
from inference_worker.adapters.letters import KafkaLetters
from inference_worker.adapters.metrics import WorkerMetrics
from inference_worker.adapters.model_health import ModelHealth
from inference_worker.adapters.offsets import KafkaOffsets
from inference_worker.adapters.outcomes import KafkaOutcomes
from inference_worker.adapters.status import StatusReporter
from inference_worker.adapters.traces import AttemptTracer
from inference_worker.core.dead_letter_budget import BudgetLimits, DeadLetterBudget
from inference_worker.core.deletions import lost_request, lost_retry
from inference_worker.core.handovers import new_mark
from inference_worker.ports import Outcome
from inference_worker.service import InferenceService
from inference_worker.settings import Settings
from inference_worker.subscribers.answering import Answering
from inference_worker.subscribers.budget import BudgetWatch
from inference_worker.subscribers.deletions import DeletedRequests, IsLost
from inference_worker.subscribers.intake import Consumers, Intake
from inference_worker.subscribers.predictions import Pace, PredictionConsumer
from shared.clock import Clock, new_id
from shared.contracts.groups import RETRIES_GROUP, WORKERS_GROUP, prefixed_group
from shared.contracts.topics import (
    PREDICT_ACCEPTED,
    PREDICT_DLQ,
    PREDICT_REQUESTS,
    PREDICT_RESULTS,
    PREDICT_RETRY,
    TopicSpec,
)
from shared.kafka.clients import new_consumer, stop_client
from shared.kafka.publisher import Publisher
from shared.observability.tracing import Tracer

_MAX_WAITING = 64
"""Retries that a worker holds at once, each until it is due."""
_FETCH_MAX_WAIT_MS = 50
"""A partition whose records wait here for 100 ms is left out of aiokafka's next fetch, and what
comes to it then waits for that fetch to end: half a second with the default."""


@dataclass(frozen=True, slots=True)
class Consuming:
    """What both consumers share. tracer: None without traces. stack: closes what they open.

    compute: with its event that a thread is stuck.
    """

    settings: Settings
    service: InferenceService
    publisher: Publisher
    metrics: WorkerMetrics
    health: ModelHealth
    status: StatusReporter
    clock: Clock
    tracer: Tracer | None
    stack: AsyncExitStack
    compute: ComputeThread

    def new_intake(self) -> Intake:
        """Make what runs the consumers of requests and of retries."""
        budget = BudgetWatch(DeadLetterBudget(_budget_limits(self.settings)), self.clock)
        answering = self._new_answering(budget)
        return Intake(
            lambda: self._new_consumers(answering), budget, self.metrics, self.compute.stuck
        )

    def _new_consumers(self, answering: Answering) -> Consumers:
        """Make both consumers; they join their groups when they run."""
        pace = Pace(
            max_batch=self.settings.max_batch,
            max_batches_in_flight=self.settings.max_batches_in_flight,
            waits=False,
            stuck_after_s=self.settings.stuck_after_s,
        )
        patient = replace(pace, max_batch=1, max_batches_in_flight=_MAX_WAITING, waits=True)
        alone = asyncio.Lock()
        mark = new_mark(self.settings.id, new_id())

        def new(
            topic: TopicSpec, group: str, pace: Pace, is_lost: IsLost, **options: int
        ) -> PredictionConsumer:
            settings, client_id = self.settings.kafka, self.settings.id
            group = prefixed_group(group, settings.topic_prefix)
            consumer = new_consumer(settings, client_id=client_id, group_id=group, **options)
            # Joins the group when it runs, which may never be.
            self.stack.push_async_callback(stop_client, consumer)
            return PredictionConsumer(
                consumer,
                self._name(topic),
                answering,
                KafkaOffsets(settings, client_id=client_id, group_id=group),
                self.metrics,
                self.clock,
                pace,
                mark=mark,
                alone=alone,
                expire=self._new_deleted(is_lost).expire,
            )

        return (
            new(
                PREDICT_REQUESTS,
                WORKERS_GROUP,
                pace,
                lost_request,
                fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
            ),
            new(PREDICT_RETRY, RETRIES_GROUP, patient, lost_retry),
        )

    def _new_deleted(self, is_lost: IsLost) -> DeletedRequests:
        results = self._name(PREDICT_RESULTS)
        accepted = KafkaAccepted(
            self.settings.kafka,
            client_id=f"{self.settings.id}-deleted",
            topic=self._name(PREDICT_ACCEPTED),
            results=results,
        )
        outcomes = KafkaOutcomes(self.publisher, results)
        return DeletedRequests(accepted, outcomes, self.clock, is_lost, self._on_answered)

    def _new_answering(self, budget: BudgetWatch) -> Answering:
        return Answering(
            self.service,
            KafkaOutcomes(self.publisher, self._name(PREDICT_RESULTS)),
            KafkaLetters(
                self.publisher,
                retries=self._name(PREDICT_RETRY),
                dead_letters=self._name(PREDICT_DLQ),
            ),
            self.clock,
            self.metrics,
            budget,
            worker_id=self.settings.id,
            max_attempts=self.settings.max_attempts,
            on_answered=self._on_answered,
            traces=self._new_traces(),
        )

    def _new_traces(self) -> AttemptTracer | None:
        if self.tracer is None:
            return None
        requests, retries = self._name(PREDICT_REQUESTS), self._name(PREDICT_RETRY)
        return AttemptTracer(self.tracer, requests=requests, retries=retries)

    def _on_answered(self, outcomes: Sequence[Outcome], traces: Mapping[str, str]) -> None:
        self.metrics.batch_answered(outcomes, traces)
        self.health.batch_answered(outcomes)
        self.status.count(len(outcomes))

    def _name(self, topic: TopicSpec) -> str:
        return topic.prefixed(self.settings.kafka.topic_prefix).name


def _budget_limits(settings: Settings) -> BudgetLimits:
    return BudgetLimits(
        max_run=settings.dead_letter_run,
        max_ratio=settings.dead_letter_ratio,
        window_s=settings.dead_letter_window_s,
        min_requests=settings.dead_letter_min_requests,
        first_pause_s=settings.dead_letter_pause_s,
        max_pause_s=settings.dead_letter_max_pause_s,
    )
