"""Publishes accepted requests whose id goes to a client, to `predict.accepted`."""

from collections.abc import Callable

import structlog

from shared.contracts.accepted import AcceptedRequest
from shared.kafka.publisher import Publisher

_log = structlog.get_logger(__name__)


class KafkaAcceptedLog:
    """Publishes one entry per id, on clusters that have the topic.

    A gateway may be upgraded before the topics job has run: predictions are then served without
    entries, as earlier versions served them, and the log states what is missing.
    """

    def __init__(self, publisher: Publisher, topic: str, has_topic: Callable[[str], bool]) -> None:
        self._publisher = publisher
        self._topic = topic
        self._has_topic = has_topic
        self._is_missing = False

    async def note(self, accepted: AcceptedRequest) -> None:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        is_missing = not self._has_topic(self._topic)
        if is_missing and not self._is_missing:
            _log.error(
                "topic missing: accepted ids are not recorded, and an outage longer than the "
                "retention of requests would leave them without an outcome; run the topics job",
                topic=self._topic,
            )
        self._is_missing = is_missing
        if not is_missing:
            await self._publisher.publish(
                self._topic, key=accepted.id, value=None, headers=accepted.to_kafka()
            )
