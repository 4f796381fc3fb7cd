"""Whether a prediction request may enter, decided before its body is read and again after."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from shared.contracts.errors import ErrorCode

WAIT_SHARE = 0.4
"""How much of a client's time the wait may take: batches and partitions are not all alike."""

MAX_RETRY_S = 30
"""A wait that nobody can foretell, foretold."""


class RefusalReason(StrEnum):
    """Why a request stays out; a label of `pneumo_rejected_total`."""

    BROKER = "broker"
    IN_FLIGHT = "in_flight"
    BYTES = "bytes"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """What the gateway holds at most: requests, and bytes of their images."""

    max_in_flight: int
    max_in_flight_bytes: int


@dataclass(frozen=True, slots=True)
class CurrentLoad:
    """What it holds now, and what is before it.

    wait_s: how long the backlog takes the workers, seconds; infinite if they give no sign.
    stalled: whether they have given none for a while, so that `wait_s` is a guess.
    """

    in_flight: int
    in_flight_bytes: int
    broker_reachable: bool
    wait_s: float = 0.0
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """Come in; deadline_ms: unix ms until which the client waits."""

    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stay out, and try again after that many seconds."""

    reason: RefusalReason
    code: ErrorCode
    detail: str
    retry_after_s: int


_BROKER_AWAY = Refusal(
    RefusalReason.BROKER, ErrorCode.BROKER_UNAVAILABLE, "The message broker cannot be reached.", 5
)


def refuse_as_full(reason: RefusalReason) -> Refusal:
    """Refuse for what is held already; there is room with the next answer."""
    detail = "Too many requests are waiting for an answer."
    return Refusal(reason, ErrorCode.OVERLOADED, detail, 1)


def decide_admission(
    *, image_bytes: int, wait_s: float, now_ms: int, load: CurrentLoad, limits: AdmissionLimits
) -> Admitted | Refusal:
    """Weigh one request of `image_bytes` against what is held, reachable and waiting.

    image_bytes: 0 while not known. wait_s: seconds that its client waits.
    """
    if not load.broker_reachable:
        return _BROKER_AWAY
    if load.in_flight >= limits.max_in_flight:
        return refuse_as_full(RefusalReason.IN_FLIGHT)
    if load.in_flight_bytes + image_bytes > limits.max_in_flight_bytes:
        return refuse_as_full(RefusalReason.BYTES)
    over_s = load.wait_s - WAIT_SHARE * wait_s
    # With nothing else to learn from, one goes in: its outcome says that workers are back.
    scout = load.stalled and load.in_flight == 0
    if over_s > 0 and not scout:
        return _too_long(over_s)
    return Admitted(deadline_ms=now_ms + int(wait_s * 1000))


def _too_long(over_s: float) -> Refusal:
    detail = "An answer would take longer than you wait."
    retry_after_s = ceil(min(over_s, MAX_RETRY_S))
    return Refusal(RefusalReason.WAIT, ErrorCode.OVERLOADED, detail, retry_after_s)
