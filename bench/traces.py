"""What traces cost: the same requests with them off, sampled, and of every request, in turns.

    .venv/bin/python bench/traces.py IMAGE [--rounds 8] [--requests 400] [--clients 8]

Beside a running stack (`make up`), of which it uses the broker and the registry: each way gets a
gateway and a worker of its own, with topics of its own, and all take turns in every round. Prints
for each way the medians, and the median of its ratios to `off` in the same round. CPU is that of
gateway and worker; the collector, which keeps what it gets and does nothing else, is not in it.
"""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from latency import new_request
from ways import Way, measure, read_options, report, start_parts

from shared.testing.collector import Collector


def environments(collector: str) -> dict[str, dict[str, str]]:
    """Give each way its variables."""
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}
    hundredth = {
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }
    return {"off": {}, "a hundredth": on | hundredth, "every one": on}


def main() -> None:
    """Read the command line and measure."""
    options = read_options(__doc__.splitlines()[0] if __doc__ else None)
    image = options.image.read_bytes()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        collector = stack.enter_context(Collector().running())
        ways = []
        for name, env in environments(collector.url).items():
            parts = start_parts(name, folder, stack, env)
            host = urlsplit(parts[0].url).hostname or ""
            ways.append(Way(name, [new_request(image, host)], parts))
        asyncio.run(measure(ways, options))
        report(ways)


if __name__ == "__main__":
    main()
