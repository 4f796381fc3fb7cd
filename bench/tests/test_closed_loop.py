"""The measurement itself, on clients that are answered in this process."""

import asyncio

import pytest

from bench.compare.closed_loop import Answered, measure, summarise


def test_only_what_was_answered_in_the_window_counts():
    answered = [Answered(at, 0.001 * at) for at in range(1, 11)]
    sample = summarise(answered, 3, 9)
    assert sample.requests == 6
    assert (sample.p50_ms, sample.p99_ms) == (5.0, 8.0)


def test_a_window_without_an_answer_is_refused():
    with pytest.raises(ValueError, match="nothing was answered"):
        summarise([Answered(1, 1)], 2, 3)


async def test_the_window_opens_when_every_client_has_been_answered():
    events = []
    busy, release = asyncio.Event(), asyncio.Event()

    async def quick(n):
        await asyncio.sleep(0)
        if n == 100:
            busy.set()
        return b""

    async def slow(_):
        await release.wait()
        await asyncio.sleep(0)
        return b""

    measuring = asyncio.create_task(measure([quick, slow], 0.01, events.append, lead_s=0))
    await busy.wait()
    assert events == []
    release.set()
    sample = await measuring
    assert events == ["begun", "ended"]
    assert sample.requests > 0


async def test_a_client_that_fails_ends_the_measurement():
    async def failing(_):
        raise ConnectionError("gone")

    with pytest.raises(ExceptionGroup) as failure:
        await measure([failing], 0.01, lambda _: None)
    assert failure.group_contains(ConnectionError)
