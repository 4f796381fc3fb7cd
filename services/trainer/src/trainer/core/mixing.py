"""How the examples of one batch borrow from each other, drawn beforehand from one generator."""

from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Labels
from trainer.core.recipe import Learning

Rng = np.random.Generator
_STYLE_ALPHA = 0.2


@dataclass(frozen=True, slots=True)
class Mixing:
    """One batch's draw.

    partner: int64 [N], whose style and share is borrowed. style: float32 [N], part of the own
    style that is kept (MixStyle, Zhou et al. 2021). share: part of oneself that is kept (mixup,
    Zhang et al. 2018). kept: float32 [N, D], dropout, scaled to mean 1.
    """

    partner: Labels
    style: Floats
    share: float
    kept: Floats


def draw_mixing(rng: Rng, size: int, width: int, learning: Learning) -> Mixing:
    """Draw for a batch of `size` whose pooled features are `width` wide."""
    style = np.ones(size)
    if rng.random() < learning.mixstyle:
        style = rng.beta(_STYLE_ALPHA, _STYLE_ALPHA, size)
    share = 1.0
    if rng.random() < learning.mixup:
        drawn = rng.beta(learning.mixup_alpha, learning.mixup_alpha)
        share = float(max(drawn, 1 - drawn))
    kept = (rng.random((size, width), np.float32) >= learning.dropout) / (1 - learning.dropout)
    return Mixing(rng.permutation(size), style.astype(np.float32), share, kept.astype(np.float32))


def class_weights(labels: Labels, classes: int) -> Floats:
    """Weigh classes so that each counts alike, float32 [C]; the mean over examples is 1."""
    weights = len(labels) / np.maximum(np.bincount(labels, minlength=classes), 1)
    return np.asarray(weights / weights[labels].mean(), np.float32)
