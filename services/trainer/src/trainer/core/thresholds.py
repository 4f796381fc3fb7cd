"""Where to leave the reference class: the operating point, chosen on validation."""

import numpy as np

from trainer.core.arrays import Floats, Mask

_MARGIN = 1e-6


def sensitivity_threshold(p_finding: Floats, is_finding: Mask, *, sensitivity: float) -> float:
    """Give the highest threshold that keeps the sensitivity, within (0, 1).

    p_finding: float32 [N], 1 − p(reference class). is_finding: bool [N], the truth.
    """
    lowest = np.quantile(p_finding[is_finding], 1 - sensitivity, method="lower")
    return float(np.clip(lowest, _MARGIN, 1 - _MARGIN))
