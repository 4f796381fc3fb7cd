"""Sends that end: confirmed by the broker within a bound, or a typed failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidRequiredAcksError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownProducerId,
    UnsupportedForMessageFormatError,
    UnsupportedVersionError,
)

from shared.kafka.clients import renew_identity

Headers = Sequence[tuple[str, bytes]]

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)
# Named one by one: aiokafka's `retriable` is False for passing errors too (a timeout, a producer
# that lost its id), and an error that is not known must not cost a record.
_PERMANENT = (
    *_TOO_LARGE,
    ClusterAuthorizationFailedError,
    InvalidRequiredAcksError,
    InvalidTimestampError,
    InvalidTopicError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    UnsupportedForMessageFormatError,
    UnsupportedVersionError,
)


class BrokerUnavailableError(Exception):
    """The broker did not confirm in time; the record may or may not be there. Retriable."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a confirmed record is; offset below 0: the broker did not report it."""

    partition: int
    offset: int


class RecordRefusedError(Exception):
    """The record is not written, and sending the same record again does not help.

    too_large: a smaller record may be accepted. Otherwise the client lacks a permission, or topic
    and record do not fit together: an operator has to act.
    """

    def __init__(self, reason: str, *, too_large: bool) -> None:
        super().__init__(reason)
        self.too_large = too_large


class Publisher(Protocol):
    """Puts one record on a topic."""

    async def publish(
        self, topic: str, *, key: str, value: bytes | None, headers: Headers = ()
    ) -> Place:
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
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
        """Return when the broker has confirmed.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        renewals = self._renewals
        sent = False
        try:
            async with asyncio.timeout(self._timeout_s):
                confirmed = await self._producer.send(
                    topic, key=key.encode(), value=value, headers=list(headers)
                )
                sent = True
                record = await confirmed
        except (OutOfOrderSequenceNumber, UnknownProducerId) as error:
            self._renew(renewals)
            raise BrokerUnavailableError(f"{topic}: {error!r}") from error
        except _PERMANENT as error:
            if sent:
                # The refused batch used up sequence numbers that the broker never saw.
                self._renew(renewals)
            too_large = isinstance(error, _TOO_LARGE)
            raise RecordRefusedError(f"{topic}: {error!r}", too_large=too_large) from error
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"{topic}: {error!r}") from error
        return Place(record.partition, record.offset)

    def _renew(self, renewals: int) -> None:
        # Once for all that were sent under the same id: it will not be believed again.
        if renewals == self._renewals:
            self._renewals += 1
            renew_identity(self._producer)
