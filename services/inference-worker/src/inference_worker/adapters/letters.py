"""Requests that failed: onto `predict.retry`, or into `predict.dlq`."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import TryAgain
from shared.contracts.dead_letters import IMAGE, STACK, Attempt, DeadLetter, encode_attempts
from shared.kafka.publisher import Publisher, RecordRefusedError

_log = structlog.get_logger(__name__)


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
        """Return when the broker has confirmed it.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
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
        """Return when the broker has confirmed as much of it as it takes.

        Raises BrokerUnavailableError; RecordRefusedError if it takes nothing of it.
        """
        try:
            await self._put(letter, image)
        except RecordRefusedError as error:
            if not error.too_large:
                raise
            await self._put_smaller(letter, image)

    async def _put_smaller(self, letter: DeadLetter, image: bytes) -> None:
        # Topics of an earlier release, or of a cluster with limits of its own.
        try:
            await self._put(letter.without(STACK), image)
            _log.warning("dead letter written without its stack: the record was too large")
        except RecordRefusedError:
            await self._put(letter.without(STACK, IMAGE), b"")
            _log.error("dead letter written without its image: the record was too large")

    async def _put(self, letter: DeadLetter, image: bytes) -> None:
        await self._publisher.publish(
            self._dead_letters, key=letter.request.id, value=image, headers=letter.to_kafka()
        )
