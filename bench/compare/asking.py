"""Connections that ask and wait: plain HTTP, or MLServer's two topics."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.compare.targets import (
    INPUT_TOPIC,
    MODEL,
    OUTPUT_TOPIC,
    Target,
    new_http_request,
    new_v2_body,
)
from bench.latency import Connection

Ask: TypeAlias = Callable[[int], Awaitable[bytes]]
"""Asks for the n-th image (modulo how many there are), gives the answer's body."""

_MAX_RECORD_BYTES = 8 * 1024 * 1024


@asynccontextmanager
async def open_clients(
    target: Target, images: Sequence[bytes], clients: int
) -> AsyncIterator[list[Ask]]:
    """Give so many clients, connected; they are disconnected afterwards."""
    opened = _open_kafka if target.kind == "v2-kafka" else _open_http
    async with opened(target, images, clients) as asks:
        yield asks


@asynccontextmanager
async def _open_http(
    target: Target, images: Sequence[bytes], clients: int
) -> AsyncIterator[list[Ask]]:
    requests = [new_http_request(target, image) for image in images]
    connections = [Connection(target.host, target.port) for _ in range(clients)]

    async def ask(connection: Connection, n: int) -> bytes:
        return await connection.post(requests[n % len(requests)])

    await asyncio.gather(*(connection.open() for connection in connections))
    try:
        yield [partial(ask, connection) for connection in connections]
    finally:
        for connection in connections:
            connection.close()


@asynccontextmanager
async def _open_kafka(
    target: Target, images: Sequence[bytes], clients: int
) -> AsyncIterator[list[Ask]]:
    address = f"{target.host}:{target.port}"
    bodies = [new_v2_body(image) for image in images]
    waiting: dict[bytes, asyncio.Future[bytes]] = {}
    numbers, run = count(), secrets.token_hex(4)
    producer = AIOKafkaProducer(bootstrap_servers=address, max_request_size=_MAX_RECORD_BYTES)
    consumer = AIOKafkaConsumer(OUTPUT_TOPIC, bootstrap_servers=address)

    async def ask(n: int) -> bytes:
        id_ = f"{run}-{next(numbers)}".encode()
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting[id_] = answer
        headers = [("mlserver-model", MODEL.encode())]
        body = bodies[n % len(bodies)]
        # Not awaited until confirmed: the answer says more, and MLServer itself waits for nothing.
        await producer.send(INPUT_TOPIC, body, key=id_, headers=headers)
        return await answer

    async with producer, consumer:
        await consumer.seek_to_end()
        # The positions are looked up lazily: an answer may not come before they stand.
        await asyncio.gather(*(consumer.position(one) for one in consumer.assignment()))
        reading = asyncio.create_task(_settle(consumer, waiting))
        try:
            yield [ask] * clients
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _settle(consumer: AIOKafkaConsumer, waiting: dict[bytes, asyncio.Future[bytes]]) -> None:
    async for record in consumer:
        answer = waiting.pop(record.key, None)
        if answer is not None and not answer.done():
            answer.set_result(record.value)
