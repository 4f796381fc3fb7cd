"""The number of predicting clients over time; what Locust's users and the soak share."""

from enum import StrEnum
from math import ceil

REFUSED = "refused with 503 and a Retry-After"
"""How Locust names such a failure; the soak counts it apart."""

_RAMP_STEPS = 20
_WARM = 0.1
_SPIKE_FROM, _SPIKE_TO = 0.4, 0.6
_SPIKE = 3
_CALM = 0.25


class LoadShape(StrEnum):
    """ramp: up to the top in steps. soak: at the top throughout, each client once per second.

    spike: a quarter of the top, a burst of three times the top, a quarter again. flood: all clients
    at once, without a pause between requests.
    """

    RAMP = "ramp"
    SOAK = "soak"
    SPIKE = "spike"
    FLOOD = "flood"


def clients_at(shape: LoadShape, elapsed_s: float, run_s: float, top: int) -> int | None:
    """Return the number of clients, at least 1; None once the run is over."""
    if elapsed_s >= run_s:
        return None
    share = elapsed_s / run_s
    match shape:
        case LoadShape.RAMP:
            return _part(top, ceil((share + 1e-9) * _RAMP_STEPS) / _RAMP_STEPS)
        case LoadShape.SOAK:
            return _part(top, min(1.0, share / _WARM))
        case LoadShape.SPIKE:
            return top * _SPIKE if _SPIKE_FROM <= share < _SPIKE_TO else _part(top, _CALM)
        case LoadShape.FLOOD:
            return top


def _part(top: int, share: float) -> int:
    return max(1, round(top * share))
