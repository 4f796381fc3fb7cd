"""Outcomes onto `predict.results`."""

import asyncio
from collections.abc import Sequence

from inference_worker.ports import Outcome
from shared.contracts.predict import RESULT_SCHEMA
from shared.kafka.publisher import Publisher

_HEADERS = (("schema", RESULT_SCHEMA.encode()), ("content-type", b"application/json"))


class KafkaOutcomes:
    """Publishes each outcome under its request's id, so that repeats meet in one partition."""

    def __init__(self, publisher: Publisher, topic: str) -> None:
        self._publisher = publisher
        self._topic = topic

    async def publish(self, outcomes: Sequence[Outcome]) -> None:
        """Return when the broker has confirmed each. Raises BrokerUnavailableError."""
        await asyncio.gather(
            *(
                self._publisher.publish(
                    self._topic, key=outcome.id, value=outcome.to_bytes(), headers=_HEADERS
                )
                for outcome in outcomes
            )
        )
