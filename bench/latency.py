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
from urllib.parse import urlsplit

WARM_UP = 1_000
"""Requests before the measurement: the broker's virtual machine compiles what it runs often."""


class Connection:
    """One keep-alive HTTP/1.1 connection that costs the measurement as little as it can."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def post(self, request: bytes) -> bytes:
        """Send a whole request, give its answer's body; any status but 200 is a SystemExit."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await self._reader.readexactly(int(fields["content-length"]))
        if not head.startswith("HTTP/1.1 200"):
            raise SystemExit(f"{head.splitlines()[0]}: {body.decode()}")
        return body

    @property
    def was_closed(self) -> bool:
        """Whether the server has ended it, as it does with a connection that was idle for long."""
        return self._reader.at_eof()

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


def new_request(image: bytes, host: str) -> bytes:
    """Encode POST /predict with one multipart file, as curl would."""
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="i.jpeg"\r\n'
    body = part + b"Content-Type: image/jpeg\r\n\r\n" + image + b"\r\n--x--\r\n"
    head = (
        f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    return head.encode() + body


async def one_client(connection: Connection, requests: list[bytes], times: int) -> list[float]:
    """Ask one after the other; seconds for each."""
    await connection.open()
    seconds = []
    for n in range(times):
        started = time.perf_counter()
        await connection.post(requests[n % len(requests)])
        seconds.append(time.perf_counter() - started)
    connection.close()
    return seconds


async def measure(url: str, images: list[bytes], clients: int, total: int) -> None:
    """Warm up, measure, print one line."""
    host, port = (urlsplit(url).hostname or "127.0.0.1"), urlsplit(url).port or 80
    requests = [new_request(image, host) for image in images]
    await one_client(Connection(host, port), requests, WARM_UP)
    started = time.perf_counter()
    each = total // clients
    spans = await asyncio.gather(
        *(
            one_client(Connection(host, port), requests[n:] + requests[:n], each)
            for n in range(clients)
        )
    )
    elapsed = time.perf_counter() - started
    seconds = [span for client in spans for span in client]
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
