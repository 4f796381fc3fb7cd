"""`bench`: a short closed load, to see what a gateway gives."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Annotated

import typer

from pneumo.async_client import AsyncClient
from pneumo.bulk.files import find_images
from pneumo.bulk.together import together
from pneumo.cli.address import address_of
from pneumo.cli.ending import Exit
from pneumo.cli.output import AsJson, print_json, print_table
from pneumo.errors import ApiError, ConnectionFailedError, PneumoError
from pneumo.retries import RetryPolicy

_MAX_IMAGES = 200
_ONCE = RetryPolicy(attempts=1)

Files = Annotated[list[str], typer.Argument(metavar="FILES...", help="Images, folders, globs.")]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Requests under way at once.")]
Duration = Annotated[float, typer.Option(min=0.5, max=600, help="Seconds, after the warm-up.")]
WarmUp = Annotated[float, typer.Option(min=0, max=60, help="Seconds that are not counted.")]


@dataclass
class _Load:
    """Callers that each wait for an answer before they ask again. seconds: of answers."""

    client: AsyncClient
    images: Sequence[bytes]
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    async def run(self, callers: int, for_s: float) -> float:
        """Ask for so long; the seconds that it took until the last answer."""
        started_s = time.perf_counter()
        turns = count()
        await together(self._ask(turns, started_s + for_s) for _ in range(callers))
        return time.perf_counter() - started_s

    async def _ask(self, turns: "count[int]", ends_s: float) -> None:
        while (asked_s := time.perf_counter()) < ends_s:
            image = self.images[next(turns) % len(self.images)]
            try:
                await self.client.predict(image, wait_s=30.0)
            except ApiError as error:
                self.failures[error.code] += 1
            except ConnectionFailedError:
                self.failures["connection_failed"] += 1
                await asyncio.sleep(0.1)  # else nothing but refused connections would be counted
            else:
                self.seconds.append(time.perf_counter() - asked_s)


def bench(
    context: typer.Context,
    files: Files,
    concurrency: Concurrency = 32,
    duration: Duration = 10.0,
    warm_up: WarmUp = 2.0,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Load a gateway for a short while: answers a second, and how long they take.

    The client's own work is part of it: on the gateway's machine it takes from what there is.
    Exits with 1 if a request failed.
    """
    images = [path.read_bytes() for path in find_images(files).images[:_MAX_IMAGES]]
    client = address_of(context).async_client(
        connections=concurrency, retries=_ONCE, timeout_s=60.0
    )
    load, took_s = asyncio.run(_measure(client, images, concurrency, duration, warm_up))
    told = _report(load, took_s, concurrency)
    if as_json:
        print_json(told)
    else:
        print_table("Load", ("", ""), ((name, _cell(value)) for name, value in told.items()))
    raise typer.Exit(Exit.FAILED if load.failures else Exit.GOOD)


async def _measure(
    client: AsyncClient, images: Sequence[bytes], callers: int, for_s: float, warm_up_s: float
) -> tuple[_Load, float]:
    async with client:
        await client.status()  # a gateway that is away ends it here, in one sentence
        await _Load(client, images).run(callers, warm_up_s)
        load = _Load(client, images)
        return load, await load.run(callers, for_s)


def _report(load: _Load, took_s: float, concurrency: int) -> dict[str, object]:
    if not load.seconds:
        raise PneumoError(f"Nothing was answered: {dict(load.failures)}.")
    cuts = statistics.quantiles([*load.seconds, load.seconds[-1]], n=100)
    p50, p95, p99 = (round(cuts[at] * 1e3, 2) for at in (49, 94, 98))
    return {
        "concurrency": concurrency,
        "seconds": round(took_s, 2),
        "answers": len(load.seconds),
        "answers_per_s": round(len(load.seconds) / took_s, 1),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "failures": dict(load.failures),
    }


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{number} {name}" for name, number in value.items()) or "none"
    return str(value)
