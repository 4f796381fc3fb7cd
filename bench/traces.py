"""What traces cost: the same requests with them off, sampled, and of every request, in turns.

    .venv/bin/python bench/traces.py IMAGE [--rounds 8] [--requests 400] [--clients 8]

Beside a running stack (`make up`), of which it uses the broker and the registry: each way gets a
gateway and a worker of its own, with topics of its own, and all take turns in every round. Prints
for each way the medians, and the median of its ratios to `off` in the same round. CPU is that of
gateway and worker; the collector, which keeps what it gets and does nothing else, is not in it.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
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
from shared.testing.collector import Collector
from shared.testing.processes import ServiceProcess, running

WARM_UP = 300


@dataclass
class Way:
    """One way to be traced, with its processes and what each round said."""

    name: str
    parts: tuple[ServiceProcess, ServiceProcess]
    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    async def ask(self, image: bytes, clients: int, requests: int) -> None:
        """Have so many requests answered, and keep how it went."""
        url = urlsplit(self.parts[0].url)
        host, port = url.hostname or "", url.port or 0
        before_s, started_s = self._cpu_s(), time.perf_counter()
        times = [requests // clients] * clients
        ask = [one_client(Connection(host, port), [new_request(image, host)], n) for n in times]
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


def environments(collector: str) -> dict[str, dict[str, str]]:
    """Give each way its variables."""
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}
    hundredth = {
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }
    return {"off": {}, "a hundredth": on | hundredth, "every one": on}


def start(name: str, env: Mapping[str, str], folder: Path, parts: ExitStack) -> Way:
    """Start a gateway and a worker, and wait until both are ready."""
    settings = KafkaSettings(topic_prefix=f"bench-{new_id()[-8:]}.")
    asyncio.run(create_topics(settings))
    gateway_port, worker_port = free_ports(2)
    own = {
        "KAFKA_TOPIC_PREFIX": settings.topic_prefix,
        "PNEUMO_GATEWAY_PORT": str(gateway_port),
        "PNEUMO_WORKER_PORT": str(worker_port),
        "PNEUMO_WORKER_CACHE_DIR": str(folder / name),
    }
    ports = {"gateway": gateway_port, "inference_worker": worker_port}
    gateway, worker = (
        parts.enter_context(running(package, port, own | env, folder / f"{name} {package}.log"))
        for package, port in ports.items()
    )
    gateway.wait_ready()
    worker.wait_ready()
    return Way(name, (gateway, worker))


async def measure(ways: list[Way], image: bytes, options: argparse.Namespace) -> None:
    """Let all ways take turns; who begins changes with each round."""
    for way in ways:
        await way.ask(image, options.clients, WARM_UP)
        way.forget()
    for n in range(options.rounds):
        for way in ways[n % len(ways) :] + ways[: n % len(ways)]:
            await way.ask(image, options.clients, options.requests)


def report(ways: list[Way]) -> None:
    """Print a line a way."""

    def ratio(mine: list[float], off: list[float]) -> str:
        ratios = [one / other for one, other in zip(mine, off, strict=True)]
        return f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"

    off = ways[0]
    for way in ways:
        print(
            f"{way.name}: {statistics.median(way.per_s):.0f}/s × {ratio(way.per_s, off.per_s)}, "
            f"p50 {statistics.median(way.p50_ms):.2f} ms × {ratio(way.p50_ms, off.p50_ms)}, "
            f"CPU {statistics.median(way.cpu_ms):.2f} ms × {ratio(way.cpu_ms, off.cpu_ms)}"
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
        collector = parts.enter_context(Collector().running())
        ways = [
            start(name, env, folder, parts) for name, env in environments(collector.url).items()
        ]
        asyncio.run(measure(ways, options.image.read_bytes(), options))
        report(ways)


if __name__ == "__main__":
    main()
