"""What an explanation costs: the same requests without and with `explain=cam`, in turns.

    .venv/bin/python bench/explain.py IMAGE [--rounds 8] [--requests 400] [--clients 8]

Beside a running stack (`make up`), of which it uses the broker and the registry: one gateway and
one worker, with topics of their own, are asked in three ways in every round: without, with, and
half of each, so that batches are mixed. Prints for each way the medians, and the median of its
ratios to `plain` in the same round. CPU is that of gateway and worker.
"""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from latency import new_request
from ways import Parts, Way, measure, read_options, report, start_parts


def new_ways(image: bytes, parts: Parts) -> list[Way]:
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


def main() -> None:
    """Read the command line and measure."""
    options = read_options(__doc__.splitlines()[0] if __doc__ else None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ways = new_ways(options.image.read_bytes(), start_parts("explain", folder, stack))
        asyncio.run(measure(ways, options))
        report(ways)


if __name__ == "__main__":
    main()
