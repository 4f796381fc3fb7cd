"""How long one request takes, over HTTP and through Kafka, against a running stack.

    .venv/bin/python bench/latency.py IMAGE_OR_FOLDER [--clients 1] [--requests 500]

Prints throughput and p50/p95/p99 in milliseconds for `clients` that each wait for an answer
before they ask again. Absolute times belong to the machine they were taken on.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path

import httpx

WARM_UP = 50


async def one_client(
    http: httpx.AsyncClient, images: list[bytes], requests: int, seconds: list[float]
) -> None:
    """Ask one image after the other; a wrong answer ends the measurement."""
    for n in range(requests):
        started = time.perf_counter()
        files = {"file": ("image.jpeg", images[n % len(images)], "image/jpeg")}
        (await http.post("/predict", files=files)).raise_for_status()
        seconds.append(time.perf_counter() - started)


async def measure(url: str, images: list[bytes], clients: int, requests: int) -> None:
    """Warm up, measure, print one line."""
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http:
        await one_client(http, images, WARM_UP, [])
        seconds: list[float] = []
        started = time.perf_counter()
        each = requests // clients
        await asyncio.gather(*(one_client(http, images, each, seconds) for _ in range(clients)))
        elapsed = time.perf_counter() - started
    quantiles = statistics.quantiles(seconds, n=100)
    p50, p95, p99 = (quantiles[i] * 1e3 for i in (49, 94, 98))
    print(
        f"{clients} client(s), {len(seconds)} requests: {len(seconds) / elapsed:.0f}/s, "
        f"p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms"
    )


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--requests", type=int, default=500)
    options = parser.parse_args()
    folder = options.images
    paths = sorted(folder.rglob("*.jp*g")) if folder.is_dir() else [folder]
    if not paths:
        parser.error(f"{folder} holds no JPEG files")
    images = [path.read_bytes() for path in paths[:200]]
    asyncio.run(measure(options.url, images, options.clients, options.requests))


if __name__ == "__main__":
    main()
