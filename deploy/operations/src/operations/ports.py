"""What the stories need from outside, one or two methods each."""

from typing import Protocol, TypeVar

T = TypeVar("T")


class TopicUnreadableError(Exception):
    """The broker went away, or the topic is not there. Retriable."""


class Log(Protocol[T]):
    """One topic, read from a moment on."""

    @property
    def unreadable(self) -> int:
        """How many records were none of ours so far."""
        ...

    async def read(self) -> list[T]:
        """Give what came since the last call, up to what was there when this one began.

        In partition order. Raises TopicUnreadableError.
        """
        ...
