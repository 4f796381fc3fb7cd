"""How requests come together in batches, on a real broker."""

import asyncio
import threading

import pytest

from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

_SETTLED_S = 0.3
"""Longer than a record takes from the broker into a batch."""


class HeldEngine:
    """Holds the first batch until it is released, and notes the size of each."""

    def __init__(self):
        self.sizes = []
        self.entered, self.released = threading.Event(), threading.Event()

    def __call__(self, pixels):
        self.sizes.append(len(pixels))
        if len(self.sizes) == 1:
            self.entered.set()
            self.released.wait(20)


async def send_while_busy(stage, engine, new_request, count):
    await stage.send([(new_request(), new_jpeg())])
    await asyncio.to_thread(engine.entered.wait, 20)
    for _ in range(count):
        await stage.send([(new_request(), new_jpeg())])
        await asyncio.sleep(0.05)
    await asyncio.sleep(_SETTLED_S)


async def test_what_comes_while_the_engine_is_busy_is_one_batch(stage, new_request):
    engine = HeldEngine()
    async with stage.worker(predict=engine):
        await send_while_busy(stage, engine, new_request, 5)
        engine.released.set()
        await stage.outcomes(6)
    assert engine.sizes == [1, 5]


async def test_a_batch_does_not_grow_beyond_its_bound(stage, new_request):
    engine = HeldEngine()
    async with stage.worker(predict=engine, max_batch=3):
        await send_while_busy(stage, engine, new_request, 5)
        engine.released.set()
        await stage.outcomes(6)
    assert max(engine.sizes) == 3
    assert sum(engine.sizes) == 6


async def test_a_worker_that_leaves_answers_the_batch_that_grows(stage, new_request):
    engine = HeldEngine()
    async with stage.worker(predict=engine):
        await send_while_busy(stage, engine, new_request, 3)
        asyncio.get_running_loop().call_later(0.2, engine.released.set)
    assert len({outcome.id for outcome in await stage.outcomes(4)}) == 4
    assert await stage.uncommitted() == 0
