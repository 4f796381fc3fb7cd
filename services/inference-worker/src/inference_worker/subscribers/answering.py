"""From records to what is confirmed about them: outcomes, retries, dead letters."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import structlog
from aiokafka import ConsumerRecord
from structlog.contextvars import bound_contextvars

from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import (
    FailedAttempt,
    TryAgain,
    attempts_with,
    decide_fate,
    failed_outcome,
)
from inference_worker.ports import (
    AnswerCounts,
    AttemptTraces,
    LetterPublisher,
    Outcome,
    OutcomePublisher,
)
from inference_worker.service import InferenceService
from shared.clock import Clock
from shared.contracts.dead_letters import Cause, DeadLetter, parse_attempts
from shared.contracts.headers import HeaderError, parse_request_headers
from shared.kafka.clients import SESSION_TIMEOUT_MS
from shared.kafka.publisher import BrokerUnavailableError

_log = structlog.get_logger(__name__)
_PUBLISH_AGAIN_S = 0.5
_SURE_S = SESSION_TIMEOUT_MS / 1e3 / 2
_CRASH = "the worker ended while it tried this image alone"

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class ExpelledError(Exception):
    """The group took this worker for dead and gave its requests to another."""


class Answering:
    """Has every request end in an outcome, or in a record that will.

    Nothing returns before the broker has confirmed it, in this order: retry or dead letter, then
    outcome. The caller may then commit.
    """

    def __init__(
        self,
        service: InferenceService,
        outcomes: OutcomePublisher,
        letters: LetterPublisher,
        clock: Clock,
        counts: AnswerCounts,
        *,
        worker_id: str,
        max_attempts: int,
        on_answered: Callable[[Sequence[Outcome], Mapping[str, str]], None],
        traces: AttemptTraces | None = None,
    ) -> None:
        """on_answered: told of confirmed outcomes, and of the sampled traces' ids by request."""
        self._service = service
        self._outcomes = outcomes
        self._letters = letters
        self._clock = clock
        self._counts = counts
        self._worker_id = worker_id
        self._max_attempts = max_attempts
        self._on_answered = on_answered
        self._traces = traces

    async def is_free(self, within_s: float) -> bool:
        """See InferenceService.is_free."""
        return await self._service.is_free(within_s)

    def read(self, records: Sequence[Record]) -> list[PredictRequest]:
        """Give the requests among these records; the others are logged and counted."""
        return [request for request in map(self._read, records) if request is not None]

    async def answer(
        self, requests: Sequence[PredictRequest], still_own: Callable[[], Awaitable[bool]]
    ) -> None:
        """Try these requests once, together.

        still_own: asked if it took so long that the group may have given them to another.
        Raises ExpelledError if it has: what was found out here must not be told.
        """
        if not requests:
            return
        # No await comes before the service looks which engine it has: it is this one's.
        with bound_contextvars(model_version=self._service.version):
            await self._answer(requests, still_own)

    async def _answer(
        self, requests: Sequence[PredictRequest], still_own: Callable[[], Awaitable[bool]]
    ) -> None:
        began_s, began_ms = self._clock.monotonic_s(), self._clock.now_ms()
        results = await self._service.answer(requests)
        if self._clock.monotonic_s() - began_s > _SURE_S and not await still_own():
            raise ExpelledError
        outcomes = [result for result in results if not isinstance(result, FailedAttempt)]
        await self._tell(outcomes)
        # Afterwards: no answer waits for its trace.
        traces = self._traces.attempted(requests, results, began_ms) if self._traces else {}
        self._count(outcomes, traces)
        failed = [result for result in results if isinstance(result, FailedAttempt)]
        if failed:
            await asyncio.gather(*(self._decide(attempt, self._worker_id) for attempt in failed))

    async def condemn(self, requests: Sequence[PredictRequest], tried_by: str) -> None:
        """Give up, untried, what another worker died of. tried_by: that worker's id."""
        for request in requests:
            crash = FailedAttempt(request, Cause.WORKER_CRASHED, _CRASH)
            _log.error("an image ended its worker", request_id=request.headers.id, worker=tried_by)
            await self._decide(crash, tried_by or "unknown")

    def _read(self, record: Record) -> PredictRequest | None:
        try:
            headers = parse_request_headers(record.headers)
            attempts = parse_attempts(record.headers) if headers.attempt > 1 else ()
        except HeaderError as error:
            _log.error(
                "record is no request",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                error=str(error),
            )
            self._counts.record_unreadable()
            return None
        return PredictRequest(headers, record.value or b"", record.timestamp, attempts)

    async def _decide(self, failed: FailedAttempt, worker: str) -> None:
        with bound_contextvars(request_id=failed.request.headers.id):
            await self._end(failed, worker)

    async def _end(self, failed: FailedAttempt, worker: str) -> None:
        request, now_ms = failed.request, self._clock.now_ms()
        attempts = attempts_with(failed, worker=worker, at_ms=now_ms)
        fate = decide_fate(request.headers, failed.cause, now_ms, max_attempts=self._max_attempts)
        if isinstance(fate, TryAgain):
            await _confirmed(lambda: self._letters.try_again(request, fate, attempts))
            self._counts.retried()
            return
        letter = DeadLetter(request.headers, fate.cause, failed.stack, attempts, now_ms)
        await _confirmed(lambda: self._letters.give_up(letter, request.image))
        self._counts.dead_lettered(fate.cause)
        outcomes = [failed_outcome(request.headers.id, fate.cause)]
        await self._tell(outcomes)
        self._count(outcomes, {})

    async def _tell(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            await _confirmed(lambda: self._outcomes.publish(outcomes))

    def _count(self, outcomes: Sequence[Outcome], traces: Mapping[str, str]) -> None:
        if outcomes:
            self._on_answered(outcomes, traces)


async def _confirmed(publish: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await publish()
        except BrokerUnavailableError as error:
            # Readers of results de-duplicate by id, so publishing all of them again is safe.
            _log.warning("not confirmed, publishing again", error=str(error))
            await asyncio.sleep(_PUBLISH_AGAIN_S)
