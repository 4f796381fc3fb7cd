"""Requests that failed: onto `predict.retry`, or into `predict.dlq`."""

from collections.abc import Sequence
from dataclasses import replace

from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import TryAgain
from shared.contracts.dead_letters import Attempt, DeadLetter, encode_attempts
from shared.kafka.publisher import Publisher


class KafkaLetters:
    """Publishes each under its request's id, with the image as it was sent."""

    def __init__(self, publisher: Publisher, *, retries: str, dead_letters: str) -> None:
        """retries, dead_letters: the topics' names."""
        self._publisher = publisher
        self._retries = retries
        self._dead_letters = dead_letters

    async def try_again(
        self, request: PredictRequest, fate: TryAgain, attempts: Sequence[Attempt]
    ) -> None:
        """Return when the broker has confirmed it. Raises BrokerUnavailableError."""
        headers = replace(
            request.headers, attempt=fate.attempt, not_before_ms=fate.not_before_ms
        ).to_kafka()
        await self._publisher.publish(
            self._retries,
            key=request.headers.id,
            value=request.image,
            headers=[*headers, ("attempts", encode_attempts(attempts))],
        )

    async def give_up(self, letter: DeadLetter, image: bytes) -> None:
        """Return when the broker has confirmed it. Raises BrokerUnavailableError."""
        await self._publisher.publish(
            self._dead_letters, key=letter.request.id, value=image, headers=letter.to_kafka()
        )
