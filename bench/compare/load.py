"""The load generator, a process of its own: orders come as JSON lines, so do the answers.

{"do": "ask", "target": …, "paths": […]} → {"bodies": […]}
{"do": "measure", "target": …, "paths": […], "clients": 8, "seconds": 3}
    → {"event": "begun"}, {"event": "ended"}, {"sample": …}
Whatever goes wrong is {"error": "…"}; the process stays.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import uvloop
from aiokafka.errors import KafkaError

from bench.compare.asking import open_clients
from bench.compare.closed_loop import measure
from bench.compare.targets import Target

_ASK_TIMEOUT_S = 30.0
_FAULTS = (OSError, EOFError, ValueError, KeyError, KafkaError)


def say(**answer: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


@lru_cache(maxsize=4)
def read_images(paths: tuple[str, ...]) -> tuple[bytes, ...]:
    """Read the images of an order; the next cell mostly sends the same."""
    return tuple(Path(path).read_bytes() for path in paths)


async def ask_each(target: Target, images: Sequence[bytes]) -> list[str]:
    """Ask for each image once, one after the other."""
    async with asyncio.timeout(_ASK_TIMEOUT_S), open_clients(target, images, 1) as (ask,):
        return [(await ask(n)).decode() for n in range(len(images))]


async def obey(order: dict[str, Any]) -> None:
    """Carry out one order. Raises ExceptionGroup or one of the faults."""
    target, images = Target(**order["target"]), read_images(tuple(order["paths"]))
    if order["do"] == "ask":
        say(bodies=await ask_each(target, images))
        return
    async with open_clients(target, images, order["clients"]) as asks:
        sample = await measure(asks, order["seconds"], lambda event: say(event=event))
    say(sample=asdict(sample))


def main() -> None:
    """Obey until the orders end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us ends us
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # partitions find their leaders late
    for line in sys.stdin:
        try:
            uvloop.run(obey(json.loads(line)))
        except (SystemExit, *_FAULTS) as error:
            say(error=f"{type(error).__name__}: {error}")
        except BaseExceptionGroup as group:
            first = group.exceptions[0]
            say(error=f"{type(first).__name__}: {first}")


if __name__ == "__main__":
    main()
