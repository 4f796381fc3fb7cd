"""The measurement: so many clients, each asks again as soon as it was answered."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.compare.asking import Ask
from bench.compare.summary import percentile

LEAD_S = 0.2
"""Least time under load before the window opens."""
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What answers that came within the window took."""

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: when it came, and after how long, seconds."""

    at_s: float
    seconds: float


async def measure(
    asks: Sequence[Ask], seconds: float, say: Callable[[str], None], *, lead_s: float = LEAD_S
) -> Sample:
    """Load until every client has been answered, then for `seconds` more; what those gave.

    say: told `begun` and `ended` as the window opens and closes. Raises TimeoutError if clients
    stay without an answer, and whatever asking raises.
    """
    answered: list[Answered] = []
    stop = asyncio.Event()
    firsts = [asyncio.Event() for _ in asks]

    async def client(number: int, ask: Ask) -> None:
        n = number * 7  # clients start at different images
        while not stop.is_set():
            started_s = time.perf_counter()
            await ask(n)
            now_s = time.perf_counter()
            answered.append(Answered(now_s, now_s - started_s))
            firsts[number].set()
            n += 1

    async def watch() -> tuple[float, float]:
        await asyncio.gather(asyncio.sleep(lead_s), *(first.wait() for first in firsts))
        say("begun")
        begun_s = time.perf_counter()
        await asyncio.sleep(seconds)
        ended_s = time.perf_counter()
        say("ended")
        stop.set()
        return begun_s, ended_s

    async with asyncio.timeout(_PATIENCE_S), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        for number, ask in enumerate(asks):
            tasks.create_task(client(number, ask))
    return summarise(answered, *watching.result())


def summarise(answered: Sequence[Answered], begun_s: float, ended_s: float) -> Sample:
    """Keep what was answered in the window. Raises ValueError if nothing was."""
    spans = sorted(one.seconds * 1e3 for one in answered if begun_s <= one.at_s < ended_s)
    if not spans:
        raise ValueError("nothing was answered in the window: take more seconds")
    p50, p95, p99 = (round(percentile(spans, share), 3) for share in (0.5, 0.95, 0.99))
    return Sample(len(spans), round(ended_s - begun_s, 4), p50, p95, p99)
