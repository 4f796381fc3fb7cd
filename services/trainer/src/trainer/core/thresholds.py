"""Where to leave the reference class: the operating point, chosen on validation."""

import numpy as np

from trainer.core.arrays import Floats, Mask

_GRID = np.linspace(0.02, 0.98, 193)


def balanced_threshold(p_finding: Floats, is_finding: Mask) -> float:
    """Give the threshold with the largest balanced accuracy; of equals, the middle one.

    p_finding: float32 [N], 1 − p(reference class). is_finding: bool [N], the truth.
    """
    scores = np.array([_balanced(p_finding >= t, is_finding) for t in _GRID])
    best = _GRID[scores >= scores.max() - 1e-12]
    return float(best[len(best) // 2])


def _balanced(said: Mask, truth: Mask) -> float:
    sensitivity = said[truth].mean() if truth.any() else 1.0
    specificity = (~said[~truth]).mean() if (~truth).any() else 1.0
    return float(sensitivity + specificity) / 2
