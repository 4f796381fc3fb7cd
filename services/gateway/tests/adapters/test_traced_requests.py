"""The record carries its own span's context, and the span tells how publishing ended."""

import pytest

from gateway.adapters.traced_requests import TracedRequestPublisher
from shared.contracts.headers import RequestHeaders
from shared.kafka.publisher import BrokerUnavailableError
from shared.observability.otlp import OtlpTracer
from shared.testing.collector import Collector

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Publisher:
    """Stands for Kafka."""

    def __init__(self, error=None):
        self._error = error
        self.published = []

    async def publish(self, headers, image):
        self.published.append((headers, image))
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [None, BrokerUnavailableError("away")])
async def test_a_record_is_a_child_of_its_request_and_the_worker_a_child_of_the_record(error):
    publisher = Publisher(error)
    with Collector().running() as collector:
        tracer = OtlpTracer(f"{collector.url}/v1/traces", service="gateway", instance="1")
        traced = TracedRequestPublisher(publisher, tracer, "predict.requests")
        try:
            await traced.publish(RequestHeaders("1", 99, traceparent=CALLER), b"image")
        except BrokerUnavailableError as raised:
            assert raised is error
        tracer.close()
    (span,) = collector.spans()
    ((headers, image),) = publisher.published
    assert (headers.id, headers.deadline_ms, image) == ("1", 99, b"image")
    assert headers.traceparent == f"00-{span.trace_id}-{span.span_id}-01"
    assert span.parent_id == CALLER.split("-")[2]
    assert (span.failed, span.attributes.get("error.type")) == (
        (False, None) if error is None else (True, "broker_unavailable")
    )
