"""Polls a second for pending ids at one gateway: `python bench/polls.py --gateway URL [...]`.

Accepts requests with `respond-async` at --accept (default: the same gateway) and polls them at
--gateway over keep-alive connections. Without workers the ids stay pending; with --accept at
another gateway, they are ids that this one did not accept.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from urllib.parse import urlsplit

from shared.testing.images import new_jpeg


async def _exchange(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes
) -> tuple[int, bytes]:
    reader, writer = streams
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return int(head[9:12]), await reader.readexactly(length)


def _head(method: str, path: str, host: str, more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


async def _accept(url: str, count: int) -> list[str]:
    where, image = urlsplit(url), new_jpeg()
    streams = await asyncio.open_connection(where.hostname, where.port)
    more = (
        f"Content-Type: image/jpeg\r\nPrefer: respond-async, wait=60\r\n"
        f"Content-Length: {len(image)}\r\n"
    )
    ids = []
    for _ in range(count):
        request = _head("POST", "/v1/predictions", where.netloc, more) + image
        status, body = await _exchange(streams, request)
        if status != 202:
            raise SystemExit(f"not accepted: {status} {body[:200]!r}")
        ids.append(json.loads(body)["id"])
    streams[1].close()
    return ids


async def _poll(url: str, ids: list[str], end_s: float, seen: Counter[int]) -> None:
    where = urlsplit(url)
    streams = await asyncio.open_connection(where.hostname, where.port)
    while time.monotonic() < end_s:
        for id_ in ids:
            request = _head("GET", f"/v1/predictions/{id_}", where.netloc)
            status, _ = await _exchange(streams, request)
            seen[status] += 1
    streams[1].close()


async def _main(options: argparse.Namespace) -> None:
    ids = await _accept(options.accept or options.gateway, options.ids)
    seen: Counter[int] = Counter()
    began_s = time.monotonic()
    end_s = began_s + options.seconds
    clients = (_poll(options.gateway, ids, end_s, seen) for _ in range(options.clients))
    await asyncio.gather(*clients)
    took_s = time.monotonic() - began_s
    by_status = {str(status): count for status, count in seen.items()}
    print(json.dumps({"polls_per_second": round(seen.total() / took_s), "by_status": by_status}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--accept")
    parser.add_argument("--ids", type=int, default=20)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    asyncio.run(_main(parser.parse_args()))
