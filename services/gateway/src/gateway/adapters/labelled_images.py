"""Labelled images onto `uploads.labelled`."""

from shared.contracts.dataset import UploadHeaders
from shared.kafka.publisher import Publisher


class KafkaLabelledImages:
    """Publishes each image under the sha256 of its bytes: the same image, the same partition."""

    def __init__(self, publisher: Publisher, topic: str) -> None:
        self._publisher = publisher
        self._topic = topic

    async def publish(self, sha256: str, headers: UploadHeaders, image: bytes) -> None:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        await self._publisher.publish(
            self._topic, key=sha256, value=image, headers=headers.encode()
        )
