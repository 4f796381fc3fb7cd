"""Whether a prediction request may enter, decided before its body is on Kafka."""

from dataclasses import dataclass

from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway holds at most: requests, and bytes of their images."""

    max_in_flight: int
    max_in_flight_bytes: int


@dataclass(frozen=True, slots=True)
class Load:
    """What it holds now."""

    in_flight: int
    in_flight_bytes: int
    broker_reachable: bool


@dataclass(frozen=True, slots=True)
class Admit:
    """Come in; deadline_ms: unix ms until which the client waits."""

    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stay out, and try again after that many seconds."""

    code: ErrorCode
    detail: str
    retry_after_s: int


def admit(
    *, image_bytes: int, wait_s: float, now_ms: int, load: Load, limits: Limits
) -> Admit | Refuse:
    """Weigh one request of `image_bytes` against what is held and what is reachable."""
    if not load.broker_reachable:
        return Refuse(ErrorCode.BROKER_UNAVAILABLE, "The message broker cannot be reached.", 5)
    full = load.in_flight >= limits.max_in_flight
    heavy = load.in_flight_bytes + image_bytes > limits.max_in_flight_bytes
    if full or heavy:
        return Refuse(ErrorCode.OVERLOADED, "Too many requests are waiting for an answer.", 1)
    return Admit(deadline_ms=now_ms + int(wait_s * 1000))
