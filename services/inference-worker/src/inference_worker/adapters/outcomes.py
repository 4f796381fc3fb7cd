"""Outcomes onto `predict.results`."""

import asyncio
from collections.abc import Sequence

import structlog

from inference_worker.ports import Outcome
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import RESULT_SCHEMA, Failed
from shared.kafka.publisher import Publisher, RecordRefusedError

_log = structlog.get_logger(__name__)
_TOO_LARGE = "The answer is larger than the message broker takes."
_HEADERS = (("schema", RESULT_SCHEMA.encode()), ("content-type", b"application/json"))


class KafkaOutcomes:
    """Publishes each outcome under its request's id, so that repeats meet in one partition."""

    def __init__(self, publisher: Publisher, topic: str) -> None:
        self._publisher = publisher
        self._topic = topic

    async def publish(self, outcomes: Sequence[Outcome]) -> None:
        """Return when the broker has confirmed each; one that is too large ends as a failure.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        await asyncio.gather(*map(self._publish, outcomes))

    async def _publish(self, outcome: Outcome) -> None:
        try:
            await self._put(outcome)
        except RecordRefusedError as error:
            if not error.too_large:
                raise
            _log.error("outcome refused by the broker", error=str(error), request_id=outcome.id)
            await self._put(Failed(id=outcome.id, code=ErrorCode.INTERNAL, detail=_TOO_LARGE))

    async def _put(self, outcome: Outcome) -> None:
        await self._publisher.publish(
            self._topic, key=outcome.id, value=outcome.to_bytes(), headers=_HEADERS
        )
