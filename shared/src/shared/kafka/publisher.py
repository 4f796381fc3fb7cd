"""Sends that end: confirmed by the broker within a bound, or a typed failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, UnknownProducerId

from shared.kafka.clients import renew_identity

Headers = Sequence[tuple[str, bytes]]


class BrokerUnavailableError(Exception):
    """The broker did not confirm in time; the record may or may not be there. Retriable."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a confirmed record is; offset below 0: the broker did not report it."""

    partition: int
    offset: int


class Publisher(Protocol):
    """Puts one record on a topic."""

    async def publish(
        self, topic: str, *, key: str, value: bytes | None, headers: Headers = ()
    ) -> Place:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        ...


class KafkaPublisher:
    """A Publisher over one idempotent producer.

    An idempotent aiokafka send retries without end by itself, so every send has a bound here.
    """

    def __init__(self, producer: AIOKafkaProducer, *, timeout_s: float) -> None:
        self._producer = producer
        self._timeout_s = timeout_s
        self._renewals = 0

    async def publish(
        self, topic: str, *, key: str, value: bytes | None, headers: Headers = ()
    ) -> Place:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        renewals = self._renewals
        try:
            async with asyncio.timeout(self._timeout_s):
                confirmed = await self._producer.send(
                    topic, key=key.encode(), value=value, headers=list(headers)
                )
                record = await confirmed
        except (OutOfOrderSequenceNumber, UnknownProducerId) as error:
            # Once for all that were sent under the same id: it will not be believed again.
            if renewals == self._renewals:
                self._renewals += 1
                renew_identity(self._producer)
            raise BrokerUnavailableError(f"{topic}: {error!r}") from error
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"{topic}: {error!r}") from error
        return Place(record.partition, record.offset)
