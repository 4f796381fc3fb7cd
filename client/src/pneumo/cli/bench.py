"""`bench`: measure a gateway's throughput and latency with a short closed-loop load."""

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
from pneumo.bulk.runner import run_concurrently
from pneumo.cli.address import address_of
from pneumo.cli.exit_codes import ExitCode
from pneumo.cli.output import AsJson, print_json, print_table
from pneumo.errors import ApiError, ConnectionFailedError, PneumoError
from pneumo.retries import RetryPolicy

_MAX_IMAGES = 200
_ONCE = RetryPolicy(attempts=1)

Files = Annotated[list[str], typer.Argument(metavar="FILES...", help="Images, folders, globs.")]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Maximum requests in flight.")]
Duration = Annotated[float, typer.Option(min=0.5, max=600, help="Seconds, after the warm-up.")]
WarmUp = Annotated[float, typer.Option(min=0, max=60, help="Seconds before the measurement.")]


@dataclass
class _ClosedLoop:
    """Callers that each wait for a response before the next request. seconds: of responses."""

    client: AsyncClient
    images: Sequence[bytes]
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    async def run(self, callers: int, for_s: float) -> float:
        """Send requests for so long; return the seconds until the last response."""
        started_s = time.perf_counter()
        turns = count()
        ends_s = started_s + for_s
        await run_concurrently(self._send_requests(turns, ends_s) for _ in range(callers))
        return time.perf_counter() - started_s

    async def _send_requests(self, turns: "count[int]", ends_s: float) -> None:
        while (sent_s := time.perf_counter()) < ends_s:
            image = self.images[next(turns) % len(self.images)]
            try:
                await self.client.predict(image, wait_s=30.0)
            except ApiError as error:
                self.failures[error.code] += 1
            except ConnectionFailedError:
                self.failures["connection_failed"] += 1
                await asyncio.sleep(0.1)  # otherwise this would only count refused connections
            else:
                self.seconds.append(time.perf_counter() - sent_s)


def bench(
    context: typer.Context,
    files: Files,
    concurrency: Concurrency = 32,
    duration: Duration = 10.0,
    warm_up: WarmUp = 2.0,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Measure a gateway's throughput and latency with a short load.

    On the gateway's machine the load uses part of the CPU that it measures. Exits with 1 if a
    request failed.
    """
    images = [path.read_bytes() for path in find_images(files).images[:_MAX_IMAGES]]
    client = address_of(context).async_client(
        connections=concurrency, retries=_ONCE, timeout_s=60.0
    )
    load, took_s = asyncio.run(_measure(client, images, concurrency, duration, warm_up))
    report = _report(load, took_s, concurrency)
    if as_json:
        print_json(report)
    else:
        print_table("Load", ("", ""), ((name, _cell(value)) for name, value in report.items()))
    raise typer.Exit(ExitCode.FAILED if load.failures else ExitCode.OK)


async def _measure(
    client: AsyncClient, images: Sequence[bytes], callers: int, for_s: float, warm_up_s: float
) -> tuple[_ClosedLoop, float]:
    async with client:
        await client.status()  # fails here if the gateway is unreachable
        await _ClosedLoop(client, images).run(callers, warm_up_s)
        load = _ClosedLoop(client, images)
        return load, await load.run(callers, for_s)


def _report(load: _ClosedLoop, took_s: float, concurrency: int) -> dict[str, object]:
    if not load.seconds:
        raise PneumoError(f"No request succeeded: {dict(load.failures)}.")
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
