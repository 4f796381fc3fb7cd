"""Three times the capacity of a running stack, over HTTP and through Kafka.

    .venv/bin/python -m bench.overload IMAGE_OR_FOLDER [--seconds 60] [--worker-ports 8010,8011]

Starts nothing. First 48 clients in a closed loop (saturation), then an open loop of three times
that rate whose clients wait two seconds. One in fifty refused requests is repeated after its
Retry-After. Exits with 1 if goodput falls below 90 % of saturation, or if a status is not 200, 503
or 504.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop

from bench.latency import read_images
from shared.testing.http import HttpPool, new_prediction_request
from shared.testing.load import measure_capacity, run_open_loop

WARM_UP_S = 5.0
REPEATED_ONE_IN = 50
MIN_GOODPUT = 0.9
EXPECTED = {200, 503, 504}
_MAX_CONNECTIONS = 800  # a gateway takes 900
_LAST_ANSWER_S = 120.0


@dataclass
class FloodTally:
    """Statuses of a flood; 0: no answer. spans_s: of those answered 200, from when it was due."""

    statuses: Counter[int] = field(default_factory=Counter)
    spans_s: list[float] = field(default_factory=list)
    repeated: Counter[int] = field(default_factory=Counter)
    repeated_afterwards: Counter[int] = field(default_factory=Counter)
    retry_s: Counter[int] = field(default_factory=Counter)


async def flood_gateway(
    pool: HttpPool, requests: Sequence[bytes], rate: float, seconds: float
) -> FloodTally:
    """Send `rate` requests a second; return when the last one has ended."""
    tally, over = FloodTally(), asyncio.Event()

    async def exchange(number: int) -> tuple[int, int]:
        try:
            reply = await pool.exchange(requests[number % len(requests)])
        except OSError:
            return 0, 0
        return reply.status, reply.number(b"retry-after") or 0

    async def repeat(number: int, after_s: int) -> None:
        await asyncio.sleep(after_s)
        counts = tally.repeated_afterwards if over.is_set() else tally.repeated
        counts[(await exchange(number))[0]] += 1

    async with asyncio.timeout(seconds + _LAST_ANSWER_S), asyncio.TaskGroup() as repeats:

        async def send(number: int, due_s: float) -> None:
            status, retry_s = await exchange(number)
            tally.statuses[status] += 1
            if status == 200:
                tally.spans_s.append(time.monotonic() - due_s)
            elif status == 503:
                tally.retry_s[retry_s] += 1
                if tally.statuses[503] % REPEATED_ONE_IN == 0:
                    repeats.create_task(repeat(number, retry_s))

        asyncio.get_running_loop().call_later(seconds, over.set)
        await run_open_loop(send, rate, over)
    return tally


def resident_mib(ports: Sequence[int]) -> dict[int, float]:
    """Return the resident memory of the process that listens on each port, MiB."""
    listening = {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.pid
    }
    known = [port for port in ports if port in listening]
    return {port: psutil.Process(listening[port]).memory_info().rss / 2**20 for port in known}


def _admitted(counts: Counter[int]) -> str:
    total = counts.total()
    return f"{(counts[200] + counts[504]) / max(total, 1):.0%} of {total} admitted"


def report_flood(tally: FloodTally, saturation: float, seconds: float, wait_s: float) -> bool:
    """Print the figures; return whether the bars are met."""
    goodput = sum(span <= wait_s for span in tally.spans_s) / seconds
    quantiles = statistics.quantiles(tally.spans_s or [0, 0], n=100)
    statuses = ", ".join(f"{status}: {n}" for status, n in sorted(tally.statuses.items()))
    print(
        f"flood: {tally.statuses.total() / seconds:.0f}/s for {seconds:.0f} s; {statuses}\n"
        f"goodput: {goodput:.0f}/s within {wait_s:g} s, {goodput / saturation:.0%} of saturation; "
        f"accepted p50 {quantiles[49]:.2f} s, p99 {quantiles[98]:.2f} s\n"
        f"Retry-After: {dict(sorted(tally.retry_s.items()))}; repeated after it:\n"
        f"  during the flood {_admitted(tally.repeated)}, "
        f"afterwards {_admitted(tally.repeated_afterwards)}"
    )
    return set(tally.statuses) <= EXPECTED and goodput >= MIN_GOODPUT * saturation


async def measure_overload(options: argparse.Namespace, images: Sequence[bytes]) -> bool:
    """Saturate, flood, print; return whether the bars are met."""
    url = urlsplit(options.url)
    ports = [url.port or 80, *(int(port) for port in options.worker_ports.split(","))]
    saturation = await measure_capacity(
        options.url,
        images,
        clients=options.clients,
        seconds=options.saturation,
        lead_s=WARM_UP_S,
    )
    print(f"saturation: {saturation:.0f}/s, {options.clients} clients")
    pool = HttpPool(options.url, limit=_MAX_CONNECTIONS)
    requests = [new_prediction_request(i, url.hostname or "", options.wait) for i in images]
    before, cpu_s = resident_mib(ports), time.process_time()
    tally = await flood_gateway(pool, requests, options.factor * saturation, options.seconds)
    cpu_s, after = time.process_time() - cpu_s, resident_mib(ports)
    is_met = report_flood(tally, saturation, options.seconds, options.wait)
    for at in before:
        print(f"memory at port {at}: {before[at]:.0f} → {after.get(at, 0):.0f} MiB")
    each_us = cpu_s / tally.statuses.total() * 1e6
    print(f"the load itself: {cpu_s / options.seconds:.0%} of a core, {each_us:.0f} µs per request")
    return is_met


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--worker-ports", default="8010,8011")
    parser.add_argument("--clients", type=int, default=48)
    parser.add_argument("--saturation", type=float, default=15.0, help="seconds")
    parser.add_argument("--factor", type=float, default=3.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--wait", type=float, default=2.0, help="seconds a client waits")
    options = parser.parse_args()
    sys.exit(0 if uvloop.run(measure_overload(options, read_images(options.images))) else 1)


if __name__ == "__main__":
    main()
