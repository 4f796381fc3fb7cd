"""Retries that wait: each on its own, and never more bytes than are allowed."""

import asyncio

import pytest

from inference_worker.core.requests import PredictRequest
from inference_worker.subscribers.waiting import MAX_HELD_BYTES, Waiting
from shared.clock import SystemClock
from shared.contracts.headers import RequestHeaders


class Counts:
    def __init__(self):
        self.now = 0

    def waiting(self, change):
        self.now += change


def request(image, *, in_ms):
    due_ms = SystemClock().now_ms() + in_ms
    headers = RequestHeaders("a", due_ms + 60_000, not_before_ms=due_ms)
    return PredictRequest(headers, image, 0)


async def test_a_full_hold_takes_no_more_until_something_is_due_or_dropped():
    leaving, counts = asyncio.Event(), Counts()
    waiting = Waiting(SystemClock(), counts, leaving)
    large = request(bytes(MAX_HELD_BYTES), in_ms=60_000)
    held = asyncio.create_task(waiting.until_all_due([large]))
    while not counts.now:
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting.until_room(), 0.05)
    leaving.set()
    assert await held is False
    await waiting.until_room()
    assert counts.now == 0


async def test_a_short_delay_ends_before_a_long_one():
    waiting = Waiting(SystemClock(), Counts(), asyncio.Event())
    long = asyncio.create_task(waiting.until_all_due([request(b"", in_ms=60_000)]))
    assert await waiting.until_all_due([request(b"", in_ms=20)]) is True
    assert not long.done()
    long.cancel()
