"""Why Kafka cannot be reached: told apart by what the address does."""

import asyncio
import struct

from aiokafka.client import AIOKafkaClient

from shared.kafka.unreachable import explain_unreachable

METADATA = 3
"""The number of Kafka's Metadata request."""


async def test_a_listener_that_ends_plain_connections_points_to_the_security_protocol():
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # As Kafka's SASL listeners: ApiVersions is answered, whatever comes next is not.
        size, _, _, correlation = struct.unpack(">ihhi", await reader.readexactly(12))
        await reader.readexactly(size - 8)
        answer = struct.pack(">ihihhh", correlation, 0, 1, METADATA, 0, 1)
        writer.write(struct.pack(">i", len(answer)) + answer)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(end, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        reason = await explain_unreachable(AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}"))
    assert reason.startswith(f"127.0.0.1:{port} ended the connection")
    assert reason.endswith("see KAFKA_SECURITY_PROTOCOL")
