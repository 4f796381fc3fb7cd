"""Requests that retention deleted before a worker reached them: their clients get an outcome."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

import structlog

from inference_worker.core.deletions import Gaps
from inference_worker.ports import AcceptedSource, Outcome, OutcomePublisher
from shared.clock import Clock, created_at_ms
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.predict import Expired
from shared.kafka.publisher import BrokerUnavailableError

_log = structlog.get_logger(__name__)
_GATHER_S = 0.3
"""Partitions whose gaps are found together are swept together."""
_AGAIN_S = 1.0
_HOLD_S = 30.0
_BATCH = 200
_CLOCK_SKEW_MS = 5_000

IsLost = Callable[[AcceptedRequest, int, Gaps, int], bool]


class DeletedRequests:
    """Publishes `expired` for accepted requests that were deleted and have no outcome."""

    def __init__(
        self,
        accepted: AcceptedSource,
        outcomes: OutcomePublisher,
        clock: Clock,
        is_lost: IsLost,
        on_answered: Callable[[Sequence[Outcome], Mapping[str, str]], None],
    ) -> None:
        """is_lost: one of core.deletions. on_answered: as of Answering."""
        self._accepted = accepted
        self._outcomes = outcomes
        self._clock = clock
        self._is_lost = is_lost
        self._on_answered = on_answered

    async def expire(self, gaps: Gaps) -> None:
        """Return when each of them has an outcome; repeating it changes nothing.

        Raises BrokerUnavailableError.
        """
        now_ms, expired = self._clock.now_ms(), 0

        def is_lost(entry: AcceptedRequest) -> bool:
            return self._is_lost(entry, _made_ms(entry), gaps, now_ms)

        async with aclosing(self._accepted.entries(is_lost)) as chunks:
            async for entries in chunks:
                since_ms = min(_made_ms(entry) for entry in entries) - _CLOCK_SKEW_MS
                answered = await self._accepted.answered([e.id for e in entries], since_ms)
                lost = {entry.id: entry for entry in entries if entry.id not in answered}
                await self._tell(list(lost.values()))
                expired += len(lost)
        _log.warning(
            "requests were deleted by retention before they were answered",
            records=sum(map(len, gaps.values())),
            expired=expired,
        )

    async def _tell(self, lost: Sequence[AcceptedRequest]) -> None:
        for start in range(0, len(lost), _BATCH):
            batch = [
                Expired(id=entry.id, deadline_ms=entry.deadline_ms)
                for entry in lost[start : start + _BATCH]
            ]
            await self._outcomes.publish(batch)
            self._on_answered(batch, {})


class Deletions:
    """Holds partitions with a gap, while others go on, until their lost requests have outcomes.

    The committed offset before the gap is what tells the next owner of it. So nothing behind the
    gap is taken, and nothing committed, before: a worker that dies in between loses nothing.
    """

    def __init__(
        self,
        expire: Callable[[Gaps], Awaitable[None]],
        leaving: asyncio.Event,
        *,
        hold_s: float = _HOLD_S,
    ) -> None:
        """hold_s: bound of the wait, after which a partition goes on and the rest is made up."""
        self._expire = expire
        self._leaving = leaving
        self._hold_s = hold_s
        self._open: dict[int, range] = {}
        self._sweep: asyncio.Task[None] | None = None

    async def settle(self, partition: int, start: int, until: int) -> bool:
        """Have an outcome for what was at [start, until); False: we leave, and know nothing."""
        self._open[partition] = range(start, until)
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.create_task(self._run())
        sweep, leaving = self._sweep, asyncio.create_task(self._leaving.wait())
        waits: set[asyncio.Task[None] | asyncio.Task[bool]] = {sweep, leaving}
        try:
            await asyncio.wait(waits, timeout=self._hold_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        if self._leaving.is_set():
            return False
        if sweep.done():
            sweep.result()
        else:
            _log.error("deleted requests not made up for yet, continuing", partition=partition)
        return True

    def stop(self) -> None:
        """End what is under way."""
        if self._sweep is not None:
            self._sweep.cancel()

    async def _run(self) -> None:
        await asyncio.sleep(_GATHER_S)
        while self._open:
            gaps, self._open = self._open, {}
            await self._insist(gaps)

    async def _insist(self, gaps: Gaps) -> None:
        while True:
            try:
                return await self._expire(gaps)
            except BrokerUnavailableError as error:
                _log.warning("deleted requests not made up for yet", error=str(error))
                await asyncio.sleep(_AGAIN_S)


def _made_ms(entry: AcceptedRequest) -> int:
    made_ms = created_at_ms(entry.id)
    return entry.deadline_ms if made_ms is None else made_ms
