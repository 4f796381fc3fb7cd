"""Requests that wait for their next attempt, each on its own."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from inference_worker.core.requests import PredictRequest
from inference_worker.ports import AnswerCounts
from shared.clock import Clock

MAX_HELD_BYTES = 64 * 1024 * 1024
"""Of images that wait for their next attempt; one more may be on its way in."""


class Waiting:
    """Holds a request until its `not-before`, or until the worker leaves."""

    def __init__(self, clock: Clock, counts: AnswerCounts, leaving: asyncio.Event) -> None:
        self._clock = clock
        self._counts = counts
        self._leaving = leaving
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def until_room(self) -> None:
        """Return once the images that wait are few enough bytes for one more to be taken."""
        await self._room.wait()

    async def until_all_due(self, requests: Sequence[PredictRequest]) -> bool:
        """Return True when they are due, at their deadlines at the latest; False if we leave."""
        size_bytes = sum(len(request.image) for request in requests)
        self._hold(size_bytes)
        try:
            for request in requests:
                await self._until_due(request)
        finally:
            self._hold(-size_bytes)
        return not self._leaving.is_set()

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        if self._held_bytes < MAX_HELD_BYTES:
            self._room.set()
        else:
            self._room.clear()

    async def _until_due(self, request: PredictRequest) -> None:
        headers = request.headers
        due_ms = min(headers.not_before_ms or 0, headers.deadline_ms)
        self._counts.waiting(1)
        try:
            while (left_ms := due_ms - self._clock.now_ms()) > 0 and not self._leaving.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), left_ms / 1e3)
        finally:
            self._counts.waiting(-1)
