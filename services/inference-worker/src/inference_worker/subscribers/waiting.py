"""Requests that wait for their next attempt, each on its own."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from inference_worker.core.requests import PredictRequest
from inference_worker.ports import AnswerCounts
from shared.clock import Clock

MAX_HELD_BYTES = 64 * 1024 * 1024
"""Of images that wait in a worker's memory; one more batch may be on its way in."""


class HeldBytes:
    """Counts the bytes of images that wait, so that no more are taken than memory has room for."""

    def __init__(self) -> None:
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def until_room(self) -> None:
        """Return once fewer than MAX_HELD_BYTES are held."""
        await self._room.wait()

    @contextmanager
    def hold(self, size_bytes: int) -> Iterator[None]:
        """Count so many bytes for the block."""
        self._add(size_bytes)
        try:
            yield
        finally:
            self._add(-size_bytes)

    def _add(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        if self._held_bytes < MAX_HELD_BYTES:
            self._room.set()
        else:
            self._room.clear()


class Waiting:
    """Holds a request until its `not-before`, or until the worker leaves."""

    def __init__(self, clock: Clock, counts: AnswerCounts, leaving: asyncio.Event) -> None:
        self._clock = clock
        self._counts = counts
        self._leaving = leaving
        self._held_bytes = HeldBytes()

    async def until_room(self) -> None:
        """Return once the images that wait are small enough for one more to be taken."""
        await self._held_bytes.until_room()

    async def until_all_due(self, requests: Sequence[PredictRequest]) -> bool:
        """Return True when they are due, at their deadlines at the latest; False if we leave."""
        size_bytes = sum(len(request.image) for request in requests)
        with self._held_bytes.hold(size_bytes):
            for request in requests:
                await self._until_due(request)
        return not self._leaving.is_set()

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
