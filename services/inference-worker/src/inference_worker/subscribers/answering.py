"""From records to what is confirmed about them: outcomes, retries, dead letters."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import structlog
from aiokafka import ConsumerRecord
from structlog.contextvars import bound_contextvars

from inference_worker.core.decoding import find_header
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
from inference_worker.service import InferenceService, Result
from inference_worker.subscribers.budget import BudgetWatch
from shared.clock import Clock
from shared.contracts.dead_letters import Attempt, Cause, DeadLetter, parse_attempts
from shared.contracts.headers import HeaderError, parse_request_headers
from shared.kafka.clients import SESSION_TIMEOUT_MS
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError

_log = structlog.get_logger(__name__)
_PUBLISH_AGAIN_S = 0.5
_REFUSED_AGAIN_S = 5.0
_SURE_S = SESSION_TIMEOUT_MS / 1e3 / 2
"""The group waits twice this long for a sign of life before it gives a partition to another."""
_CRASH = "the worker ended while it tried this image alone"

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class ExpelledError(Exception):
    """The group took this worker for dead and gave its requests to another."""


class UnconfirmedError(Exception):
    """The broker did not confirm within the caller's patience; the attempt has to be repeated."""


class _Ownership:
    """Whether the requests of an attempt are still this worker's to answer."""

    def __init__(self, still_own: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        self._still_own = still_own
        self._clock = clock
        self._sure_s = clock.monotonic_s()

    async def check(self) -> None:
        """Ask the group, if the last answer is too old. Raises ExpelledError."""
        if self._clock.monotonic_s() - self._sure_s <= _SURE_S:
            return
        if not await self._still_own():
            raise ExpelledError
        self._sure_s = self._clock.monotonic_s()


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
        budget: BudgetWatch,
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
        self._budget = budget
        self._worker_id = worker_id
        self._max_attempts = max_attempts
        self._on_answered = on_answered
        self._traces = traces

    async def is_free(self, within_s: float) -> bool:
        """See InferenceService.is_free."""
        return await self._service.is_free(within_s)

    def read_request(self, record: Record) -> PredictRequest | None:
        """Return the request that a record is; None: it is none, which is logged and counted."""
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
        image = record.value or b""
        return PredictRequest(headers, image, record.timestamp, attempts, find_header(image))

    async def answer(
        self,
        requests: Sequence[PredictRequest],
        still_own: Callable[[], Awaitable[bool]],
        *,
        patience_s: float | None = None,
    ) -> None:
        """Try these requests once, together.

        still_own: asked if it took so long that the group may have given them to another.
        patience_s: for the broker's confirmation; None: without end.
        Raises ExpelledError if it has: what was found out here must not be told. UnconfirmedError.
        """
        if not requests:
            return
        # No await comes before the service looks which engine it has: it is this one's.
        with bound_contextvars(model_version=self._service.version):
            ownership, began_ms = _Ownership(still_own, self._clock), self._clock.now_ms()
            results = await self._service.answer(requests)
            try:
                async with asyncio.timeout(patience_s):
                    await self._settle(requests, results, ownership, began_ms)
            except TimeoutError as error:
                raise UnconfirmedError(f"not confirmed within {patience_s} s") from error

    async def _settle(
        self,
        requests: Sequence[PredictRequest],
        results: Sequence[Result],
        ownership: _Ownership,
        began_ms: int,
    ) -> None:
        outcomes = [result for result in results if not isinstance(result, FailedAttempt)]
        await self._tell(outcomes, ownership)
        # Afterwards: no answer waits for its trace.
        traces = self._traces.attempted(requests, results, began_ms) if self._traces else {}
        self._count(outcomes, traces)
        failed = [result for result in results if isinstance(result, FailedAttempt)]
        if failed:
            decisions = (self._decide(attempt, self._worker_id, ownership) for attempt in failed)
            await asyncio.gather(*decisions)

    async def condemn(
        self,
        requests: Sequence[PredictRequest],
        tried_by: str,
        still_own: Callable[[], Awaitable[bool]],
    ) -> None:
        """Give up, untried, what another worker died of. tried_by: that worker's id.

        Raises ExpelledError, see `answer`.
        """
        ownership = _Ownership(still_own, self._clock)
        for request in requests:
            crash = FailedAttempt(request, Cause.WORKER_CRASHED, _CRASH)
            _log.error("an image ended its worker", request_id=request.headers.id, worker=tried_by)
            await self._decide(crash, tried_by or "unknown", ownership)

    async def _decide(self, failed: FailedAttempt, worker: str, ownership: _Ownership) -> None:
        with bound_contextvars(request_id=failed.request.headers.id):
            request, now_ms = failed.request, self._clock.now_ms()
            attempts = attempts_with(failed, worker=worker, at_ms=now_ms)
            fate = decide_fate(
                request.headers, failed.cause, now_ms, max_attempts=self._max_attempts
            )
            if isinstance(fate, TryAgain) and await self._retry(request, fate, attempts, ownership):
                self._counts.retried()
                return
            letter = DeadLetter(request.headers, failed.cause, failed.stack, attempts, now_ms)
            await self._give_up(letter, request.image, ownership)

    async def _retry(
        self,
        request: PredictRequest,
        fate: TryAgain,
        attempts: Sequence[Attempt],
        ownership: _Ownership,
    ) -> bool:
        try:
            await _confirmed(lambda: self._letters.try_again(request, fate, attempts), ownership)
        except RecordRefusedError as error:
            _log.error("retry refused by the broker, giving the request up", error=str(error))
            self._counts.record_refused("retry")
            return False
        return True

    async def _give_up(self, letter: DeadLetter, image: bytes, ownership: _Ownership) -> None:
        try:
            await _confirmed(lambda: self._letters.give_up(letter, image), ownership)
        except RecordRefusedError as error:
            # The client still gets its outcome; the image is lost to operators.
            _log.error("dead letter refused by the broker", error=str(error), cause=letter.cause)
            self._counts.record_refused("dead_letter")
        self._counts.dead_lettered(letter.cause)
        outcomes = [failed_outcome(letter.request.id, letter.cause)]
        await self._tell(outcomes, ownership)
        self._on_answered(outcomes, {})
        self._budget.note_dead_letter()

    async def _tell(self, outcomes: Sequence[Outcome], ownership: _Ownership) -> None:
        if not outcomes:
            await ownership.check()
        while outcomes:
            try:
                await _confirmed(lambda: self._outcomes.publish(outcomes), ownership)
            except RecordRefusedError as error:
                # Without its outcome a request is lost: an operator must give the permission.
                _log.error("outcomes refused by the broker", error=str(error))
                self._counts.record_refused("outcome")
                await asyncio.sleep(_REFUSED_AGAIN_S)
            else:
                return

    def _count(self, outcomes: Sequence[Outcome], traces: Mapping[str, str]) -> None:
        if outcomes:
            self._on_answered(outcomes, traces)
            self._budget.note_answered(outcomes)


async def _confirmed(publish: Callable[[], Awaitable[None]], ownership: _Ownership) -> None:
    while True:
        # Before every attempt: what took long may be another worker's to answer by now.
        await ownership.check()
        try:
            return await publish()
        except BrokerUnavailableError as error:
            # Readers of results de-duplicate by id, so publishing all of them again is safe.
            _log.warning("not confirmed, publishing again", error=str(error))
            await asyncio.sleep(_PUBLISH_AGAIN_S)
