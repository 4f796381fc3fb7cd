"""Publishes accepted requests to `predict.requests`."""

from shared.contracts.headers import RequestHeaders
from shared.kafka.publisher import Place, Publisher


class KafkaRequestPublisher:
    """Publishes each request under its id: the partitioner spreads ids over the workers."""

    def __init__(self, publisher: Publisher, topic: str) -> None:
        self._publisher = publisher
        self._topic = topic

    async def publish(self, headers: RequestHeaders, image: bytes) -> Place:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        return await self._publisher.publish(
            self._topic, key=headers.id, value=image, headers=headers.to_kafka()
        )
