"""What an explanation costs: the same requests without and with `explain=cam`, in turns.

    .venv/bin/python bench/explain.py IMAGE [--rounds 8] [--requests 400] [--clients 8]

Beside a running stack (`make up`), of which it uses the broker and the registry: one gateway and
one worker, with topics of their own, are asked in three ways in every round: without, with, and
half of each, so that batches are mixed. Prints for each way the medians, and the median of its
ratios to `plain` in the same round. CPU is that of gateway and worker.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from latency import Connection, new_request, one_client

from embedded.ports import free_ports
from shared.clock import new_id
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings
from shared.testing.processes import ServiceProcess, running

WARM_UP = 300


@dataclass
class Way:
    """One way to ask, and what each round said. requests: sent in turn."""

    name: str
    requests: list[bytes]
    parts: tuple[ServiceProcess, ...]
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


def start(folder: Path, parts: ExitStack) -> tuple[ServiceProcess, ...]:
    """Start a gateway and a worker, and wait until both are ready."""
    settings = KafkaSettings(topic_prefix=f"bench-{new_id()[-8:]}.")
    asyncio.run(create_topics(settings))
    gateway_port, worker_port = free_ports(2)
    env = {
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "PNEUMO_GATEWAY_PORT": str(gateway_port),
        "PNEUMO_WORKER_PORT": str(worker_port),
        "PNEUMO_WORKER_CACHE_DIR": str(folder / "bundles"),
    }
    ports = {"gateway": gateway_port, "inference_worker": worker_port}
    started = tuple(
        parts.enter_context(running(package, port, env, folder / f"{package}.log"))
        for package, port in ports.items()
    )
    for part in started:
        part.wait_ready()
    return started


def new_ways(image: bytes, parts: tuple[ServiceProcess, ...]) -> list[Way]:
    """Give the ways to ask, `plain` first."""
    _, rest = new_request(image, urlsplit(parts[0].url).hostname or "").split(b"\r\n", 1)
    # On a machine that is busy otherwise an answer may take longer than the default wait.
    plain, explained = (
        b"POST /v1/predictions" + query + b" HTTP/1.1\r\nPrefer: wait=60\r\n" + rest
        for query in (b"", b"?explain=cam")
    )
    return [
        Way("plain", [plain], parts),
        Way("explained", [explained], parts),
        Way("half of them", [plain, explained], parts),
    ]


async def measure(ways: list[Way], options: argparse.Namespace) -> None:
    """Let all ways take turns; who begins changes with each round."""
    for way in ways:
        await way.ask(options.clients, WARM_UP)
        way.forget()
    for n in range(options.rounds):
        for way in ways[n % len(ways) :] + ways[: n % len(ways)]:
            await way.ask(options.clients, options.requests)


def report(ways: list[Way]) -> None:
    """Print a line a way."""

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


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        ways = new_ways(options.image.read_bytes(), start(folder, parts))
        asyncio.run(measure(ways, options))
        report(ways)


if __name__ == "__main__":
    main()
