"""Fits the domain guard that the worker applies: a discriminator, and a distance."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from shared.domain_guard import DomainGuard
from trainer.core.arrays import Floats

_DIMENSIONS = 24
_BANK = 1000
_STRENGTH_C = 0.001
_KEEP = (0.98, 0.995)
"""Share of validation radiographs, clean and augmented, under each limit."""
_EPSILON = 1e-6


def fit_guard(chest: Floats, foreign: Floats, held: Floats) -> DomainGuard:
    """Fit on features float32 [N, D] of the served engine.

    chest: training radiographs, clean and augmented. foreign: what `strangers` makes of them.
    held: validation radiographs, clean and augmented; they set the limits.
    """
    mean, spread = chest.mean(axis=0), chest.std(axis=0) + np.float32(_EPSILON)
    both = (np.concatenate([chest, foreign]) - mean) / spread
    is_foreign = np.repeat([0, 1], [len(chest), len(foreign)])
    line = LogisticRegression(C=_STRENGTH_C, max_iter=500, class_weight="balanced")
    line.fit(both, is_foreign)
    kernel = line.coef_[0] / spread
    dimensions = min(_DIMENSIONS, len(chest) - 1, chest.shape[1])
    pca = PCA(dimensions, whiten=True, random_state=0).fit((chest - mean) / spread)
    axes = pca.components_.T / np.sqrt(pca.explained_variance_ + _EPSILON) / spread[:, np.newaxis]
    rows = np.unique(np.linspace(0, len(chest) - 1, _BANK).astype(int))
    parts = {
        "kernel": kernel,
        "offset": line.intercept_[0] - mean @ kernel,
        "mean": mean,
        "axes": axes,
        "bank": (chest[rows] - mean) @ axes,
    }
    halves = {name: np.asarray(part, np.float32) for name, part in parts.items()}
    still_open = DomainGuard(**halves, limits=_pair(1, 1), medians=_pair(0, 0))
    scores = still_open.raw_scores(held)
    limits = [float(np.quantile(scores[:, look], keep)) for look, keep in enumerate(_KEEP)]
    medians = np.median(scores, axis=0)
    # Where every validation picture scores alike, any limit above the median will do.
    limits = [max(limit, float(m) + _EPSILON) for limit, m in zip(limits, medians, strict=True)]
    return DomainGuard(**halves, limits=_pair(*limits), medians=_pair(*medians))


def _pair(first: float, second: float) -> Floats:
    return np.array([first, second], np.float32)
