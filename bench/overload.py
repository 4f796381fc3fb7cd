"""What three times too much does, over HTTP and through Kafka, against a running stack.

    .venv/bin/python -m bench.overload IMAGE_OR_FOLDER [--seconds 60] [--worker-ports 8010,8011]

Starts nothing. First 48 clients that each wait for an answer before they ask again (saturation),
then a flood of three times that rate whose clients wait two seconds and do not care how the others
fare. One in fifty of those refused comes back after its Retry-After. Exits with 1 if goodput
falls below 90 % of saturation, or anything but 200, 503 and 504 is answered.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop

from bench.connections import Done, Pool, new_request

WARM_UP_S = 5.0
RETURNS_ONE_IN = 50
LEAST_GOODPUT = 0.9
FORESEEN = {200, 503, 504}


@dataclass
class Tally:
    """What became of a phase's requests. spans_s: of those answered 200."""

    statuses: Counter[int] = field(default_factory=Counter)
    spans_s: list[float] = field(default_factory=list)
    returned: Counter[int] = field(default_factory=Counter)
    returned_afterwards: Counter[int] = field(default_factory=Counter)
    retry_s: Counter[int] = field(default_factory=Counter)


async def saturate(pool: Pool, requests: list[bytes], clients: int, seconds: float) -> float:
    """Answers a second that `clients` get who ask again as soon as they have one."""
    loop = asyncio.get_running_loop()
    begins_s = loop.time() + WARM_UP_S
    ends_s = begins_s + seconds
    answered = 0

    async def one_client(number: int) -> None:
        nonlocal answered
        while loop.time() < ends_s:
            number = (number + clients) % len(requests)
            status = await pool.answer(requests[number])
            answered += status == 200 and begins_s <= loop.time() < ends_s

    await asyncio.gather(*(one_client(n) for n in range(clients)))
    return answered / seconds


class Flood:
    """Clients who ask whatever becomes of the others; spans count from when it was time to ask."""

    def __init__(self, pool: Pool, requests: list[bytes]) -> None:
        self.tally = Tally()
        self._pool = pool
        self._requests = requests
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._over = False
        self._nobody_left = asyncio.Event()

    async def run(self, rate: float, seconds: float) -> Tally:
        """Ask `rate` times a second; return when the last has its answer."""
        begins_s = self._loop.time()
        for number in range(int(rate * seconds)):
            due_s = begins_s + number / rate
            if (ahead_s := due_s - self._loop.time()) > 0:
                await asyncio.sleep(ahead_s)
            self._launch(number, partial(self._answered, number, due_s))
        self._over = True
        async with asyncio.timeout(120):
            await self._nobody_left.wait()
        return self.tally

    def _launch(self, number: int, done: Done) -> None:
        self._pending += 1
        request = self._requests[number % len(self._requests)]
        task = self._loop.create_task(self._pool.ask(request, done))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    def _answered(self, number: int, due_s: float, status: int, retry_s: int) -> None:
        tally = self.tally
        tally.statuses[status] += 1
        if status == 200:
            tally.spans_s.append(self._loop.time() - due_s)
        elif status == 503:
            tally.retry_s[retry_s] += 1
            if tally.statuses[503] % RETURNS_ONE_IN == 0:
                self._pending += 1
                self._loop.call_later(retry_s, self._come_back, number)
        self._leave()

    def _come_back(self, number: int) -> None:
        counts = self.tally.returned_afterwards if self._over else self.tally.returned
        self._launch(number, partial(self._returned, counts))
        self._leave()

    def _returned(self, counts: Counter[int], status: int, _: int) -> None:
        counts[status] += 1
        self._leave()

    def _leave(self) -> None:
        self._pending -= 1
        if self._over and not self._pending:
            self._nobody_left.set()


def resident_mib(ports: list[int]) -> dict[int, float]:
    """Memory of whoever listens on each port, MiB."""
    listening = {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.pid
    }
    known = [port for port in ports if port in listening]
    return {port: psutil.Process(listening[port]).memory_info().rss / 2**20 for port in known}


def admitted(counts: Counter[int]) -> str:
    """How many of those who came back were let in."""
    total = counts.total()
    return f"{(counts[200] + counts[504]) / max(total, 1):.0%} of {total} let in"


def report(tally: Tally, saturation: float, seconds: float, wait_s: float) -> bool:
    """Print a phase; whether it holds."""
    in_time = sum(span <= wait_s for span in tally.spans_s)
    goodput = in_time / seconds
    quantiles = statistics.quantiles(tally.spans_s or [0, 0], n=100)
    statuses = ", ".join(f"{status}: {n}" for status, n in sorted(tally.statuses.items()))
    print(f"flood: {tally.statuses.total() / seconds:.0f}/s for {seconds:.0f} s; {statuses}")
    print(
        f"goodput: {goodput:.0f}/s within {wait_s:g} s, {goodput / saturation:.0%} of saturation; "
        f"accepted p50 {quantiles[49]:.2f} s, p99 {quantiles[98]:.2f} s"
    )
    print(f"Retry-After: {dict(sorted(tally.retry_s.items()))}; came back after it:")
    print(f"  during the flood {admitted(tally.returned)}", end=", ")
    print(f"afterwards {admitted(tally.returned_afterwards)}")
    return set(tally.statuses) <= FORESEEN and goodput >= LEAST_GOODPUT * saturation


async def measure(options: argparse.Namespace, images: list[bytes]) -> bool:
    """Saturate, flood, print; whether all holds."""
    url = urlsplit(options.url)
    host, port = url.hostname or "127.0.0.1", url.port or 80
    ports = [port, *(int(p) for p in options.worker_ports.split(","))]
    pool = Pool(host, port)
    patient = [new_request(image, host, 30) for image in images]
    saturation = await saturate(pool, patient, options.clients, options.saturation)
    print(f"saturation: {saturation:.0f}/s, {options.clients} clients")
    rate = options.factor * saturation
    hasty = [new_request(image, host, options.wait) for image in images]
    before, cpu_s = resident_mib(ports), time.process_time()
    tally = await Flood(pool, hasty).run(rate, options.seconds)
    cpu_s, after = time.process_time() - cpu_s, resident_mib(ports)
    holds = report(tally, saturation, options.seconds, options.wait)
    for at in before:
        print(f"memory at port {at}: {before[at]:.0f} → {after.get(at, 0):.0f} MiB")
    each_us = cpu_s / tally.statuses.total() * 1e6
    print(f"the load itself: {cpu_s / options.seconds:.0%} of a core, {each_us:.0f} µs a request")
    return holds


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
    folder = options.images
    paths = sorted(folder.rglob("*.jp*g")) if folder.is_dir() else [folder]
    images = [path.read_bytes() for path in paths[:200]] or parser.error("no JPEG files there")
    sys.exit(0 if uvloop.run(measure(options, images)) else 1)


if __name__ == "__main__":
    main()
