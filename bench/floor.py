"""What a round trip through two topics costs when nothing is done on the way: the floor of no-op.

    KAFKA_BOOTSTRAP_SERVERS=… .venv/bin/python -m bench.floor IMAGE --url http://127.0.0.1:8000

In turns against a running stack whose workers are no-op (PNEUMO_WORKER_ENGINE=noop): one client
over HTTP, and one producer and one consumer of plain aiokafka, whose echo is a process of its own.
Both go through the stack's broker. p50 in milliseconds, and what is between them.
"""

import argparse
import asyncio
import contextlib
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.latency import Connection, new_request, one_client
from shared.contracts.topics import TopicSpec
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings

_WARM_UP = 300
_ANSWER = b"x" * 400


@contextlib.asynccontextmanager
async def _joined(to: str, of: str) -> AsyncIterator[tuple[AIOKafkaProducer, AIOKafkaConsumer]]:
    """Give a producer, and a consumer that reads what comes to topic `of` from now on."""
    options = KafkaSettings().client_options()
    producer = AIOKafkaProducer(**options, acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(of, **options)
    await producer.start()
    await consumer.start()
    try:
        await producer.partitions_for(to)
        await consumer.seek_to_end()
        yield producer, consumer
    finally:
        await consumer.stop()
        await producer.stop()


async def echo(there: str, back: str) -> None:
    """Answer every record of `there` on `back`, as a worker without work would."""
    async with _joined(back, there) as (producer, consumer):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async for record in consumer:
            await producer.send(back, _ANSWER, key=record.key)


async def _plain(image: bytes, requests: int, topics: tuple[str, str]) -> list[float]:
    command = [sys.executable, "-m", "bench.floor", "--echo", *topics]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    await process.stdout.readline()
    there, back = topics
    seconds = []
    try:
        async with _joined(there, back) as (producer, consumer):
            for _ in range(_WARM_UP + requests):
                began = time.perf_counter()
                await producer.send(there, image)
                await consumer.getone()
                seconds.append(time.perf_counter() - began)
    finally:
        process.terminate()
        await process.wait()
    return seconds[_WARM_UP:]


async def _over_http(url: str, image: bytes, requests: int) -> list[float]:
    host, port = urlsplit(url).hostname or "127.0.0.1", urlsplit(url).port or 80
    seconds = await one_client(
        Connection(host, port), [new_request(image, host)], _WARM_UP + requests
    )
    return seconds[_WARM_UP:]


async def compare(url: str, image: bytes, rounds: int, requests: int) -> None:
    """Measure in turns, and print a line a round."""
    topics = tuple(f"bench.floor.{secrets.token_hex(4)}.{way}" for way in ("there", "back"))
    await create_topics(KafkaSettings(), [TopicSpec(name, 1) for name in topics])
    for _ in range(rounds):
        plain = statistics.median(await _plain(image, requests, (topics[0], topics[1]))) * 1e3
        http = statistics.median(await _over_http(url, image, requests)) * 1e3
        more = f"+ {http - plain:.2f} ms, × {http / plain:.2f}"
        print(f"plain {plain:.2f} ms, HTTP {http:.2f} ms: {more}")


def main() -> None:
    """Read the command line and measure, or be the echo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--echo", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo:
        asyncio.run(echo(*options.echo))
    else:
        image = options.image.read_bytes()
        asyncio.run(compare(options.url, image, options.rounds, options.requests))


if __name__ == "__main__":
    main()
