"""Admission control of predictions, applied before a body is read and again after."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from shared.contracts.errors import ErrorCode

WAIT_SHARE = 0.4
"""Share of the client's wait that the queue may take: batches and partitions differ."""

MAX_RETRY_S = 30
"""Maximum Retry-After in seconds, also where the wait cannot be estimated."""


class RefusalReason(StrEnum):
    """Why a request is refused; a label of `pneumo_rejected_total`."""

    BROKER = "broker"
    IN_FLIGHT = "in_flight"
    BYTES = "bytes"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Maximum requests in flight, and bytes of their images."""

    max_in_flight: int
    max_in_flight_bytes: int


@dataclass(frozen=True, slots=True)
class CurrentLoad:
    """Requests and bytes in flight, and the queue before the workers.

    wait_s: estimated time for the backlog, seconds; infinite without progress.
    stalled: no outcome arrived for a while, so that `wait_s` is a guess.
    """

    in_flight: int
    in_flight_bytes: int
    broker_reachable: bool
    wait_s: float = 0.0
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """The request is accepted. deadline_ms: unix ms until which the client waits."""

    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request is refused, and may be sent again after `retry_after_s`."""

    reason: RefusalReason
    code: ErrorCode
    detail: str
    retry_after_s: int


_BROKER_AWAY = Refusal(
    RefusalReason.BROKER, ErrorCode.BROKER_UNAVAILABLE, "The message broker is unreachable.", 5
)


def refuse_as_full(reason: RefusalReason) -> Refusal:
    """Return the refusal for too many requests or bytes in flight."""
    detail = "Overloaded: too many requests are in flight."
    return Refusal(reason, ErrorCode.OVERLOADED, detail, 1)


def decide_admission(
    *, image_bytes: int, wait_s: float, now_ms: int, load: CurrentLoad, limits: AdmissionLimits
) -> Admitted | Refusal:
    """Admit or refuse one request by broker, capacity and estimated wait.

    image_bytes: 0 while unknown. wait_s: seconds that its client waits.
    """
    if not load.broker_reachable:
        return _BROKER_AWAY
    if load.in_flight >= limits.max_in_flight:
        return refuse_as_full(RefusalReason.IN_FLIGHT)
    if load.in_flight_bytes + image_bytes > limits.max_in_flight_bytes:
        return refuse_as_full(RefusalReason.BYTES)
    over_s = load.wait_s - WAIT_SHARE * wait_s
    # After a stall, one request is admitted as a probe: its outcome shows that workers are back.
    is_probe = load.stalled and load.in_flight == 0
    if over_s > 0 and not is_probe:
        return _too_long(over_s)
    return Admitted(deadline_ms=now_ms + int(wait_s * 1000))


def _too_long(over_s: float) -> Refusal:
    detail = (
        "Overloaded: the estimated wait exceeds the request's deadline. Retry after the given "
        "delay or raise `Prefer: wait`."
    )
    retry_after_s = ceil(min(over_s, MAX_RETRY_S))
    return Refusal(RefusalReason.WAIT, ErrorCode.OVERLOADED, detail, retry_after_s)
