"""Latency of predictions over HTTP and through Kafka, of a running stack.

    .venv/bin/python -m bench.latency IMAGE_OR_FOLDER [--clients 1] [--requests 500]

Prints throughput and p50/p95/p99 in milliseconds for `clients` in a closed loop.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from shared.testing.http import HttpPool, new_form_request
from shared.testing.load import run_closed_loop, summarise_window

WARM_UP = 1_000
"""Requests before the measurement: the broker's virtual machine compiles what it runs often."""


def read_images(path: Path, maximum: int = 200) -> list[bytes]:
    """Read a JPEG file, or those below a folder. Raises SystemExit if there is none."""
    paths = sorted(path.rglob("*.jp*g")) if path.is_dir() else [path]
    if not paths:
        raise SystemExit(f"{path} holds no JPEG files")
    return [each.read_bytes() for each in paths[:maximum]]


async def measure_latency(url: str, images: Sequence[bytes], clients: int, total: int) -> None:
    """Warm up, measure, print one line."""
    pool, host = HttpPool(url), urlsplit(url).hostname or "127.0.0.1"
    requests = [new_form_request(image, host) for image in images]

    async def ask(n: int) -> bytes:
        reply = await pool.exchange(requests[n % len(requests)])
        if reply.status != 200:
            raise SystemExit(f"HTTP {reply.status}: {reply.body.decode()}")
        return reply.body

    async def ask_times(clients: int, total: int) -> str:
        left, begun_s = count(total, -1), time.perf_counter()
        completed = await run_closed_loop([ask] * clients, lambda: next(left) <= 0)
        found = summarise_window(completed, begun_s, time.perf_counter())
        return (
            f"{clients} client(s), {found.requests} requests: {found.rate:.0f}/s, "
            f"p50 {found.p50_ms:.2f} ms, p95 {found.p95_ms:.2f} ms, p99 {found.p99_ms:.2f} ms"
        )

    await ask_times(1, WARM_UP)
    print(await ask_times(clients, total))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--requests", type=int, default=500)
    options = parser.parse_args()
    images = read_images(options.images)
    asyncio.run(measure_latency(options.url, images, options.clients, options.requests))


if __name__ == "__main__":
    main()
