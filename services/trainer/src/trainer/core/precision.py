"""How far the served engine is rounded: int8 where it costs next to nothing, else less of it."""

from dataclasses import dataclass
from enum import StrEnum


class Kept(StrEnum):
    """Which part of the graph stays in float when the rest becomes int8."""

    HEAD = "head"
    """Pooling and class maps: a thousandth of the work, and what every logit hangs on."""
    HEAD_AND_ENDS = "head, first and last block"
    EVERYTHING = "everything"
    """No int8 at all."""


LADDER = (Kept.HEAD, Kept.HEAD_AND_ENDS, Kept.EVERYTHING)


@dataclass(frozen=True, slots=True)
class Rung:
    """One try: what was kept in float, and the validation accuracies (0..1) it reached."""

    kept: Kept
    clean: float
    shifted: float


def is_good_enough(tried: Rung, exact: Rung, *, drop_points: float) -> bool:
    """Say whether a rung loses no more than `drop_points` of 100, clean and shifted alike."""
    loss = max(exact.clean - tried.clean, exact.shifted - tried.shifted)
    return tried.kept is Kept.EVERYTHING or 100 * loss <= drop_points + 1e-9
