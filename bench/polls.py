"""Polls per second for pending ids at one gateway.

    .venv/bin/python -m bench.polls --gateway URL [--accept URL]

Accepts requests with `respond-async` at --accept (default: the same gateway) and polls them at
--gateway. Without workers the ids stay pending; with --accept at another gateway, they are ids
that this one did not accept.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from urllib.parse import urlsplit

from shared.testing.http import HttpPool, new_http_request, new_prediction_request
from shared.testing.images import new_jpeg
from shared.testing.load import run_closed_loop


async def accept_requests(url: str, number: int) -> list[str]:
    """Return the ids of accepted requests. Raises SystemExit."""
    pool, host = HttpPool(url), urlsplit(url).netloc
    request = new_prediction_request(new_jpeg(), host, 60, prefer="respond-async, ")
    ids = []
    for _ in range(number):
        reply = await pool.exchange(request)
        if reply.status != 202:
            raise SystemExit(f"not accepted: {reply.status} {reply.body[:200]!r}")
        ids.append(json.loads(reply.body)["id"])
    pool.close()
    return ids


async def measure_polls(options: argparse.Namespace) -> None:
    """Poll in a closed loop and print the rate."""
    ids = await accept_requests(options.accept or options.gateway, options.ids)
    host = f"Host: {urlsplit(options.gateway).netloc}"
    requests = [new_http_request("GET", f"/v1/predictions/{id_}", host) for id_ in ids]
    seen: Counter[str] = Counter()

    pool = HttpPool(options.gateway)

    async def poll(n: int) -> int:
        status = (await pool.exchange(requests[n % len(requests)])).status
        seen[str(status)] += 1
        return status

    begun_s = time.monotonic()
    end_s = begun_s + options.seconds
    await run_closed_loop([poll] * options.clients, lambda: time.monotonic() > end_s)
    rate = round(seen.total() / (time.monotonic() - begun_s))
    print(json.dumps({"polls_per_second": rate, "by_status": seen}))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--accept")
    parser.add_argument("--ids", type=int, default=20)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    asyncio.run(measure_polls(parser.parse_args()))


if __name__ == "__main__":
    main()
