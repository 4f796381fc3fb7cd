"""The PRODUCER span of a request's record, whose context the record carries to a worker.

Names and attributes: OpenTelemetry's for messaging, with Kafka.
https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

from dataclasses import replace

from gateway.ports import RequestPublisher
from shared.contracts.headers import RequestHeaders
from shared.kafka.publisher import BrokerUnavailableError, Place, RecordRefusedError
from shared.observability.tracing import Tracer


class TracedRequestPublisher:
    """Publishes as `requests` does; the span ends when the broker has confirmed."""

    def __init__(self, requests: RequestPublisher, tracer: Tracer, topic: str) -> None:
        self._requests = requests
        self._tracer = tracer
        self._topic = topic

    async def publish(self, headers: RequestHeaders, image: bytes) -> Place:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        span = self._tracer.start(
            f"send {self._topic}",
            "producer",
            parent=headers.traceparent,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "send",
                "messaging.operation.name": "send",
                "messaging.destination.name": self._topic,
                "messaging.message.id": headers.id,
                "messaging.message.body.size": len(image),
            },
        )
        error: str | None = "cancelled"
        try:
            traced = replace(headers, traceparent=span.traceparent)
            place = await self._requests.publish(traced, image)
            error = None
        except BrokerUnavailableError:
            error = "broker_unavailable"
            raise
        except RecordRefusedError:
            error = "record_refused"
            raise
        finally:
            span.end(error=error)
        return place
