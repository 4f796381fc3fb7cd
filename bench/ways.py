"""Ways to ask the same thing, each with a gateway and a worker, compared in turns.

For `explain.py` and `traces.py`, beside a running stack: its broker and its registry are used.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from latency import Connection, one_client

from embedded.ports import free_ports
from shared.clock import new_id
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings
from shared.testing.processes import ServiceProcess, running

WARM_UP = 300

Parts = tuple[ServiceProcess, ...]
"""A gateway, and what answers it."""


@dataclass
class Way:
    """One way to ask, and what each round said. requests: sent in turn."""

    name: str
    requests: list[bytes]
    parts: Parts
    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    async def ask(self, clients: int, requests: int) -> None:
        """Have so many requests answered, and keep how it went."""
        url = urlsplit(self.parts[0].url)
        host, port = url.hostname or "", url.port or 0
        before_s, started_s = self._cpu_s(), time.perf_counter()
        times = [requests // clients] * clients
        ask = [one_client(Connection(host, port), self.requests, n) for n in times]
        spans = [span for client in await asyncio.gather(*ask) for span in client]
        self.per_s.append(len(spans) / (time.perf_counter() - started_s))
        self.p50_ms.append(statistics.median(spans) * 1e3)
        self.cpu_ms.append((self._cpu_s() - before_s) / len(spans) * 1e3)

    def forget(self) -> None:
        """Keep nothing of the warm-up."""
        for figures in (self.per_s, self.p50_ms, self.cpu_ms):
            figures.clear()

    def _cpu_s(self) -> float:
        times = [psutil.Process(part.pid).cpu_times() for part in self.parts]
        return sum(spent.user + spent.system for spent in times)


def start_parts(
    name: str, folder: Path, stack: ExitStack, env: Mapping[str, str] | None = None
) -> Parts:
    """Start a gateway and a worker with topics of their own, and wait until both are ready."""
    settings = KafkaSettings(topic_prefix=f"bench-{new_id()[-8:]}.")
    asyncio.run(create_topics(settings))
    gateway_port, worker_port = free_ports(2)
    own = {
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "PNEUMO_GATEWAY_PORT": str(gateway_port),
        "PNEUMO_WORKER_PORT": str(worker_port),
        "PNEUMO_WORKER_CACHE_DIR": str(folder / name),
        **(env or {}),
    }
    ports = {"gateway": gateway_port, "inference_worker": worker_port}
    parts = tuple(
        stack.enter_context(running(package, port, own, folder / f"{name} {package}.log"))
        for package, port in ports.items()
    )
    for part in parts:
        part.wait_ready()
    return parts


async def measure(ways: list[Way], options: argparse.Namespace) -> None:
    """Let all ways take turns; who begins changes with each round."""
    for way in ways:
        await way.ask(options.clients, WARM_UP)
        way.forget()
    for n in range(options.rounds):
        for way in ways[n % len(ways) :] + ways[: n % len(ways)]:
            await way.ask(options.clients, options.requests)


def report(ways: list[Way]) -> None:
    """Print a line a way; ratios are to the first way, in the same round."""

    def ratio(mine: list[float], plain: list[float]) -> str:
        ratios = [one / other for one, other in zip(mine, plain, strict=True)]
        return f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"

    plain = ways[0]
    for way in ways:
        print(
            f"{way.name}: {statistics.median(way.per_s):.0f}/s × {ratio(way.per_s, plain.per_s)}, "
            f"p50 {statistics.median(way.p50_ms):.2f} ms × {ratio(way.p50_ms, plain.p50_ms)}, "
            f"CPU {statistics.median(way.cpu_ms):.2f} ms × {ratio(way.cpu_ms, plain.cpu_ms)}"
        )


def read_options(description: str | None) -> argparse.Namespace:
    """Read the command line of such a comparison."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--clients", type=int, default=8)
    return parser.parse_args()
