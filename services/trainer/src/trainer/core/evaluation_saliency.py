"""Does the class map explain? Two sanity checks of it.

Its pattern must vanish with the weights (Adebayo et al. 2018), and hiding what it points at must
cost the class more than hiding as much elsewhere (Samek et al. 2017).
"""

from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Labels, Mask

_QUARTER = 0.25
_NEUTRAL = np.float32(118 / 127.5 - 1)
"""What every picture's mean is after `zscore/1`."""


@dataclass(frozen=True, slots=True)
class Masking:
    """Mean fall of the class's logit when a quarter is hidden, and how often `hottest` falls more.

    elsewhere: the same shape, moved by chance. scattered: as many cells by chance.
    """

    images: int
    hottest: float
    elsewhere: float
    scattered: float
    hottest_beats_elsewhere: float
    hottest_beats_scattered: float


@dataclass(frozen=True, slots=True)
class Randomised:
    """Correlation of class maps with those of randomised weights: median and 90th percentile."""

    what: str
    median: float
    high: float


def maps_of(cam: Floats, said: Labels) -> Floats:
    """Give every picture's map of its answer, [N, G, G, C] → [N, G, G]."""
    return np.take_along_axis(cam, said[:, None, None, None], axis=3)[..., 0]


def hottest_quarter(maps: Floats) -> Mask:
    """Mark the hottest quarter of the cells, bool [N, G, G]."""
    flat = maps.reshape(len(maps), -1)
    order = np.argsort(-flat, axis=1, kind="stable")[:, : round(flat.shape[1] * _QUARTER)]
    marked = np.zeros(flat.shape, np.bool_)
    np.put_along_axis(marked, order, values=True, axis=1)
    return marked.reshape(maps.shape)


def moved(masks: Mask, seed: int) -> Mask:
    """Move every mask round by a chance offset: the same shape somewhere else."""
    rng = np.random.default_rng(seed)
    side = masks.shape[1]
    offsets = rng.integers(2, side - 1, (len(masks), 2))
    pairs = zip(masks, offsets.tolist(), strict=True)
    return np.stack([np.roll(mask, tuple(by), (0, 1)) for mask, by in pairs])


def scattered(masks: Mask, seed: int) -> Mask:
    """Mark as many cells by chance."""
    flat = masks.reshape(len(masks), -1)
    return np.random.default_rng(seed).permuted(flat, axis=1).reshape(masks.shape)


def hidden(inputs: Floats, masks: Mask) -> Floats:
    """Hide the marked cells under the mean grey: [N, S, S, 1] and [N, G, G] → [N, S, S, 1]."""
    size = inputs.shape[1] // masks.shape[1]
    large = masks.repeat(size, axis=1).repeat(size, axis=2)[..., None]
    return np.where(large, _NEUTRAL, inputs).astype(np.float32)


def masking(whole: Floats, hottest: Floats, elsewhere: Floats, chance: Floats) -> Masking:
    """Compare the class's logits float32 [N]: of the whole picture, and with a quarter hidden."""
    return Masking(
        len(whole),
        float((whole - hottest).mean()),
        float((whole - elsewhere).mean()),
        float((whole - chance).mean()),
        float((hottest < elsewhere).mean()),
        float((hottest < chance).mean()),
    )


def likeness(what: str, maps: Floats, others: Floats) -> Randomised:
    """Correlate two sets of maps [N, G, G], picture by picture."""
    a, b = (_standardised(one.reshape(len(one), -1)) for one in (maps, others))
    correlations = (a * b).mean(axis=1)
    return Randomised(what, float(np.median(correlations)), float(np.quantile(correlations, 0.9)))


def _standardised(flat: Floats) -> Floats:
    spread = flat.std(axis=1, keepdims=True)
    level: Floats = (flat - flat.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-9)
    return level
