"""How large a difference between two groups is, beyond whether there is one."""

import math
from collections.abc import Sequence

import numpy as np

_WORDS = ((0.2, "negligible"), (0.5, "small"), (0.8, "medium"))
_PAIR = 2


def cohens_d(first: Sequence[float], second: Sequence[float]) -> float:
    """Give (mean of second − mean of first) / pooled standard deviation (Cohen 1988).

    0 where neither group varies and the means agree, ±inf where they do not, NaN for a group
    of fewer than two.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if min(len(a), len(b)) < _PAIR:
        return math.nan
    freedom = len(a) + len(b) - _PAIR
    pooled = math.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / freedom)
    gap = float(b.mean() - a.mean())
    if pooled == 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / pooled


def size_word(d: float) -> str:
    """Name an effect size: negligible, small, medium or large (Cohen 1988); unknown for NaN."""
    if math.isnan(d):
        return "unknown"
    return next((word for limit, word in _WORDS if abs(d) < limit), "large")
