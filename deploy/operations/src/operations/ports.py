"""What the stories need from outside, one or two methods each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from operations.core.dead_letters import LogPosition, Mark
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.headers import RequestHeaders

T = TypeVar("T")


class TopicUnreadableError(Exception):
    """The broker went away, or the topic is not there. Retriable."""


class TopicMissingError(TopicUnreadableError):
    """The cluster has no such topic."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies in the topic, its stack and its image included."""

    letter: DeadLetter
    image: bytes


class Log(Protocol[T]):
    """One topic, read from a moment on."""

    @property
    def unreadable(self) -> int:
        """How many records were none of ours so far."""
        ...

    @property
    def cut_ms(self) -> int:
        """Up to when retention has deleted records of the time that was asked for; 0: none."""
        ...

    async def read(self) -> list[T]:
        """Give what came since the last call, up to what was there when this one began.

        In partition order. Raises TopicUnreadableError.
        """
        ...


class DeadLetters(Protocol):
    """Single records of `predict.dlq`."""

    async def fetch(self, place: LogPosition) -> Letter:
        """Read one dead letter whole. Raises TopicUnreadableError."""
        ...

    async def note(self, id_: str, mark: Mark, at_ms: int, new_id: str = "") -> None:
        """Put a note under a dead letter's id. Raises BrokerUnavailableError."""
        ...

    async def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Delete the front of each partition. Raises TopicUnreadableError."""
        ...


class Requests(Protocol):
    """Where prediction requests go."""

    async def publish(self, headers: RequestHeaders, image: bytes) -> None:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        ...
