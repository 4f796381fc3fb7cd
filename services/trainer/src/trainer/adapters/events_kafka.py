"""Job events on `train.events`, keyed by job."""

from shared.contracts.train import TrainEvent
from shared.kafka.publisher import Publisher


class KafkaJobEvents:
    """Tells how jobs stand, in order for each job: one job, one key, one partition."""

    def __init__(self, publisher: Publisher, topic: str) -> None:
        self._publisher = publisher
        self._topic = topic

    async def publish(self, event: TrainEvent) -> None:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        await self._publisher.publish(
            self._topic,
            key=event.id,
            value=event.to_bytes(),
            headers=[("schema", event.schema_.encode()), ("content-type", b"application/json")],
        )
