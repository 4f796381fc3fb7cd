"""How many predicting clients there are at a moment of a run: pure functions of time."""

from enum import StrEnum
from math import ceil

_RAMP_STEPS = 20
_WARM = 0.1
_SPIKE_FROM, _SPIKE_TO = 0.4, 0.6
_SPIKE = 3
_CALM = 0.25


class Shape(StrEnum):
    """The form of a run.

    ramp: to the top by and by. soak: at the top, all along, each client once a second. spike:
    calm, a burst of three times the top, calm. flood: all at once without a pause between requests,
    as the seed's test had it.
    """

    RAMP = "ramp"
    SOAK = "soak"
    SPIKE = "spike"
    FLOOD = "flood"


def clients_at(shape: Shape, elapsed_s: float, run_s: float, top: int) -> int | None:
    """Give the number of clients, at least 1; None once the run is over."""
    if elapsed_s >= run_s:
        return None
    share = elapsed_s / run_s
    match shape:
        case Shape.RAMP:
            return _part(top, ceil((share + 1e-9) * _RAMP_STEPS) / _RAMP_STEPS)
        case Shape.SOAK:
            return _part(top, min(1.0, share / _WARM))
        case Shape.SPIKE:
            return top * _SPIKE if _SPIKE_FROM <= share < _SPIKE_TO else _part(top, _CALM)
        case Shape.FLOOD:
            return top


def _part(top: int, share: float) -> int:
    return max(1, round(top * share))
