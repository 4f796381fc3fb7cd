"""A caller's trace goes on behind the broker, and a broken header of it disturbs nobody."""

import asyncio

import pytest

from shared.contracts.headers import parse_request_headers
from shared.kafka.clients import new_consumer, started
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("path", ["/predict", "/v1/predictions"])
async def test_a_valid_traceparent_arrives_with_the_request_and_no_other(
    kafka_settings, run_gateway, path
):
    topic = f"{kafka_settings.topic_prefix}predict.requests"
    consumer = new_consumer(kafka_settings, client_id="reader")
    async with run_gateway(default_wait_s=0.5) as client, started(consumer):
        consumer.subscribe([topic])
        for sent in (GIVEN, "00-Mueller_Anna", GIVEN.upper()):
            response = await client.post(
                path,
                files={"file": ("chest.jpeg", new_jpeg(), "image/jpeg")},
                headers={"traceparent": sent, "Prefer": "respond-async"},
            )
            # Nobody works here: /predict, which always waits, waits in vain.
            assert response.status_code in {202, 504}
            async with asyncio.timeout(20):
                record = await anext(consumer)
            arrived = parse_request_headers(record.headers).traceparent
            assert arrived == (GIVEN if sent == GIVEN else None)
