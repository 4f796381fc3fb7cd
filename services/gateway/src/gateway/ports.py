"""What the story needs from outside."""

from typing import Protocol

from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Failed, Succeeded

Outcome = Succeeded | Failed | Expired


class RequestPublisher(Protocol):
    """Puts accepted requests on Kafka."""

    async def publish(self, headers: RequestHeaders, image: bytes) -> None:
        """Return when the broker has confirmed. Raises BrokerUnavailableError."""
        ...


class OutcomeLog(Protocol):
    """Outcomes and requests that are no longer, or never were, in this process's memory."""

    async def find_outcome(self, id_: str) -> Outcome | None:
        """Give the outcome of a request, if the topic still holds one.

        Raises BrokerUnavailableError.
        """
        ...

    async def was_accepted(self, id_: str) -> bool:
        """Tell whether the request is on the topic. Raises BrokerUnavailableError."""
        ...


class BrokerProbe(Protocol):
    """Knows whether the broker answers."""

    @property
    def reachable(self) -> bool:
        """Whether the last look, at most a few seconds ago, found it."""
        ...
