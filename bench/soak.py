"""Minutes at a share of capacity against a running stack; nothing may be lost, fail or grow.

    .venv/bin/python bench/soak.py IMAGE_OR_FOLDER [--minutes 10] [--share 0.6] [--out soak.json]

Measures the capacity first (32 clients, each asking again at once), then asks at `share` of it, at
a constant rate. The auditor (`python -m operations audit --follow`) reads along and judges at the
end. RSS of every process of the stack is sampled once a second; the first fifth is warm-up, growth
is that of the fitted line over the rest. Prints and writes JSON. Exits with 1 if a request was
lost or failed, or if a process ended or grew by more than 5 %. KAFKA_* as for every service;
--data is the stack's folder (PNEUMO_DATA), by which its processes are known.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from latency import Connection, new_request
from loop import Load

_CAPACITY_S = 15.0
_CAPACITY_CLIENTS = 32
_WARM_UP_SHARE = 0.2
_SAMPLE_EVERY_S = 1.0
_MAX_GROWTH = 0.05
_TELL_EVERY = 15  # samples
_AUDIT_SINCE = "60s"  # starting the auditor takes a while on a busy machine
_MODULES = ("gateway", "inference_worker", "registry", "trainer")
_BROKER = "kafka.Kafka"


@dataclass
class Memory:
    """RSS of the stack's processes, by name and id: (seconds, bytes) as sampled."""

    data: Path
    samples: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Sample until cancelled. Raises psutil.NoSuchProcess when one has ended."""
        processes = named_processes(self.data)
        while True:
            for name, process in processes.items():
                with_time = (time.perf_counter(), process.memory_info().rss)
                self.samples.setdefault(name, []).append(with_time)
            await asyncio.sleep(_SAMPLE_EVERY_S)

    def growth(self) -> dict[str, dict[str, float]]:
        """Give, of each process after its warm-up, start and slope of the fitted line."""
        return {name: fitted(samples) for name, samples in self.samples.items()}

    def every(self, nth: int) -> dict[str, list[float]]:
        """Give each `nth` sample in MB: a step and a slope are two stories."""
        return {
            name: [round(rss / 1e6, 1) for _, rss in samples[::nth]]
            for name, samples in self.samples.items()
        }


def fitted(samples: list[tuple[float, int]]) -> dict[str, float]:
    """Fit a line to what came after the warm-up; growth is over its whole length."""
    start_s, end_s = samples[0][0], samples[-1][0]
    warm_s = start_s + _WARM_UP_SHARE * (end_s - start_s)
    warm = [(at_s - warm_s, rss) for at_s, rss in samples if at_s >= warm_s]
    line = statistics.linear_regression([at_s for at_s, _ in warm], [rss for _, rss in warm])
    grown = line.slope * (end_s - warm_s)
    return {
        "start_mb": round(line.intercept / 1e6, 1),
        "slope_kb_a_minute": round(line.slope * 60 / 1e3, 1),
        "growth_percent": round(100 * grown / line.intercept, 2),
    }


def named_processes(data: Path) -> dict[str, psutil.Process]:
    """Find one stack's processes by what they run, and by its folder."""
    found: dict[str, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            # The services' own command names no folder; that of their supervisor does.
            family = [*words, *(word for one in process.parents() for word in one.cmdline())]
        except psutil.Error:
            continue
        if not any(str(data) in word for word in family):
            continue
        module = words[2] if words[1:2] == ["-m"] and len(words) > 2 else ""
        name = module if module in _MODULES else "broker" if _BROKER in words else None
        if name:
            found[f"{name}-{process.pid}"] = process
    return found


async def measure_capacity(url: str, requests: list[bytes]) -> float:
    """Give the requests a second of clients that never wait between two."""
    address = urlsplit(url)
    end_s = time.perf_counter() + _CAPACITY_S

    async def client(first: int) -> int:
        connection = Connection(address.hostname or "127.0.0.1", address.port or 80)
        await connection.open()
        done = 0
        while time.perf_counter() < end_s:
            await connection.post(requests[(first + done) % len(requests)])
            done += 1
        connection.close()
        return done

    # Once before it counts: caches, compilers, connections.
    return sum(await asyncio.gather(*map(client, range(_CAPACITY_CLIENTS)))) / _CAPACITY_S


async def start_auditor(seconds: float) -> asyncio.subprocess.Process:
    """Have the topics read along, and judged when nothing is pending any more."""
    command = ("-m", "operations", "audit", "--since", _AUDIT_SINCE)
    follow = ("--follow", f"{round(seconds)}s", "--wait", "--json")
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, *follow, stdout=asyncio.subprocess.PIPE
    )


async def soak(options: argparse.Namespace, images: list[bytes]) -> dict[str, Any]:
    """Do all of it; give every figure."""
    address = urlsplit(options.url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    requests = [new_request(image, host) for image in images]
    await measure_capacity(options.url, requests)
    capacity = await measure_capacity(options.url, requests)
    print(f"capacity {capacity:.0f}/s; now {options.share:.0%} of it for {options.minutes} min")
    seconds = options.minutes * 60
    memory, load = (
        Memory(options.data.resolve()),
        Load(host, port, requests, capacity * options.share),
    )
    auditor = await start_auditor(seconds)
    tasks = [asyncio.create_task(work) for work in (memory.run(), load.run())]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    broken = [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)]
    said, _ = await auditor.communicate()
    spans = [answer.seconds for answer in load.answers]
    quantiles = statistics.quantiles(spans, n=100)
    return {
        "capacity_a_second": round(capacity, 1),
        "rate_a_second": round(capacity * options.share, 1),
        "minutes": options.minutes,
        "requests": len(spans),
        "failed": sum(answer.version is None for answer in load.answers),
        "broken": broken,
        "p50_ms": round(quantiles[49] * 1e3, 2),
        "p99_ms": round(quantiles[98] * 1e3, 2),
        "memory": memory.growth(),
        "rss_mb": memory.every(_TELL_EVERY),
        "audit": json.loads(said or b"null"),
    }


def verdict(figures: dict[str, Any]) -> list[str]:
    """Say what is wrong; nothing if all is well."""
    audit = figures["audit"]
    wrong = list(figures["broken"])
    if figures["failed"]:
        wrong.append(f"{figures['failed']} requests failed")
    if audit is None or not audit["sound"] or audit["failed"] or audit["expired"]:
        wrong.append(f"the auditor says: {audit}")
    elif audit["accepted"] < figures["requests"] - figures["failed"]:
        wrong.append(f"the auditor saw only {audit['accepted']} of {figures['requests']} requests")
    for name, memory in figures["memory"].items():
        if memory["growth_percent"] > 100 * _MAX_GROWTH:
            wrong.append(f"{name} grew by {memory['growth_percent']} %")
    if not figures["memory"]:
        wrong.append("no process of the stack was found")
    return wrong


def main() -> None:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.6)
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    data = Path(os.environ.get("PNEUMO_DATA", Path(__file__).parents[1] / ".pneumo"))
    parser.add_argument("--data", type=Path, default=data, help="the stack's folder")
    options = parser.parse_args()
    folder = options.images
    paths = sorted(folder.rglob("*.jp*g")) if folder.is_dir() else [folder]
    if not paths:
        parser.error(f"{folder} holds no JPEG files")
    images = [path.read_bytes() for path in paths[:200]]
    figures = asyncio.run(soak(options, images))
    figures["wrong"] = verdict(figures)
    document = json.dumps(figures, indent=1)
    options.out.write_text(document + "\n")
    print(document)
    raise SystemExit(1 if figures["wrong"] else 0)


if __name__ == "__main__":
    main()
