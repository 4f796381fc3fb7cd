"""Composites: the mean of many aligned radiographs of one class, so nobody's picture is shipped.

A seed picture names a neighbourhood; its nearest neighbours by feature, one a patient, are bent
onto their evolving mean and averaged. The seed counts as one of them and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from trainer.core.arrays import Floats, Grey, Labels, Mask
from trainer.core.dataset import TooFewError
from trainer.core.views import to_grey

_SCALES = (8, 4, 2)
_STEPS = 24
_DEMONS_SIGMA = 6.0
_FORCE = 0.4
_Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Rows of the pictures that make one composite, nearest to the centre first."""

    members: tuple[int, ...]


def neighbourhoods(
    features: Floats, patients: Sequence[str], *, count: int, members: int
) -> tuple[Neighbourhood, ...]:
    """Find `count` dense neighbourhoods that share no picture, one picture a patient.

    features: float32 [N, D] of one class. Densest first. Raises TooFewError if there
    are too few patients: a mean of few is a picture of somebody.
    """
    first = _first_of_each(patients)
    if len(first) < count * members:
        raise TooFewError(f"{count} composites of {members} need {count * members} patients")
    unit = features[first]
    unit = (unit - unit.mean(axis=0)) / (unit.std(axis=0) + np.float32(1e-3))
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    nearness = unit @ unit.T
    free = np.ones(len(first), np.bool_)
    found = []
    for _ in range(count):
        open_rows = np.flatnonzero(free)
        part = nearness[np.ix_(open_rows, open_rows)]
        nearest = np.argsort(-part, axis=1, kind="stable")[:, :members]
        density = np.take_along_axis(part, nearest, axis=1).sum(axis=1)
        chosen = open_rows[nearest[int(density.argmax())]]
        free[chosen] = False
        found.append(Neighbourhood(tuple(int(first[row]) for row in chosen)))
    return tuple(found)


def clearest(probabilities: Floats, labels: Labels, *, share: float) -> Mask:
    """Mark the share of every class whose own class is most probable, bool [N]."""
    surety = probabilities[np.arange(len(labels)), labels]
    marked = np.zeros(len(labels), np.bool_)
    for index in range(probabilities.shape[1]):
        rows = np.flatnonzero(labels == index)
        marked[rows[np.argsort(-surety[rows], kind="stable")[: round(share * len(rows))]]] = True
    return marked


def _first_of_each(patients: Sequence[str]) -> _Indices:
    _, first = np.unique(np.array(patients), return_index=True)
    return np.sort(first).astype(np.int64)


def compose(pictures: Grey, *, rounds: int = 3) -> Grey:
    """Average pictures bent onto each other, uint8 [N, S, S] → uint8 [S, S].

    Intensities are standardised first. The mean starts from the unbent pictures, so its shape
    is nobody's. At the end it is given the radial spectrum its members have on average, because
    averaging takes sharpness away.
    """
    level = _standardised(pictures)
    mean: Floats = level.mean(axis=0)
    for _ in range(rounds):
        bent = np.stack([warp(one, register(one, mean)) for one in level])
        mean = _without_outliers(bent)
    return _finish(_sharpen(mean, level))


def _without_outliers(bent: Floats) -> Floats:
    """Average at every place all but the extreme tenths: letters and plates are outliers."""
    cut = len(bent) // 10
    ordered = np.sort(bent, axis=0)
    kept: Floats = ordered[cut : len(bent) - cut].mean(axis=0)
    return kept


def _standardised(pictures: Grey) -> Floats:
    x = pictures.astype(np.float32)
    mean, spread = x.mean(axis=(1, 2), keepdims=True), x.std(axis=(1, 2), keepdims=True)
    return np.asarray((x - mean) / (spread + np.float32(1e-3)), np.float32)


def register(moving: Floats, fixed: Floats) -> Floats:
    """Find the field [2, S, S], in pixels, that bends `moving` onto `fixed`.

    Thirion's demons 1998, coarse to fine, with a smooth field: ribs meet, nothing tears.
    """
    side = fixed.shape[0]
    field = np.zeros((2, side, side), np.float32)
    for scale in _SCALES:
        small = (max(side // scale, 8),) * 2
        a, b = _resized(moving, small), _resized(fixed, small)
        ratio = small[0] / side
        local = np.stack([_resized(part, small) for part in field]) * np.float32(ratio)
        for _ in range(_STEPS):
            local = _demons_step(a, b, local, _DEMONS_SIGMA * max(ratio, 0.25))
        field = np.stack([_resized(part, (side, side)) for part in local]) / np.float32(ratio)
    return field


def _demons_step(moving: Floats, fixed: Floats, field: Floats, sigma: float) -> Floats:
    bent = warp(moving, field)
    gap = fixed - bent
    slope = np.stack([np.gradient(bent, axis=0), np.gradient(bent, axis=1)])
    strength = (slope**2).sum(axis=0) + _FORCE * gap**2 + np.float32(1e-4)
    pushed = field + gap * slope / strength
    return np.stack([ndimage.gaussian_filter(part, sigma) for part in pushed])


def warp(picture: Floats, field: Floats) -> Floats:
    """Give the picture read at every place plus its offset."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    at = [rows + field[0], columns + field[1]]
    return np.asarray(ndimage.map_coordinates(picture, at, order=1, mode="nearest"), np.float32)


def _resized(x: Floats, shape: tuple[int, int]) -> Floats:
    factors = [wanted / had for wanted, had in zip(shape, x.shape, strict=True)]
    soft = ndimage.gaussian_filter(x, [0.4 / f if f < 1 else 0 for f in factors])
    zoomed = ndimage.zoom(soft, factors, order=1, grid_mode=True, mode="nearest")
    return np.asarray(zoomed, np.float32)


def _sharpen(mean: Floats, members: Floats) -> Floats:
    rings = _rings(mean.shape[0])
    wanted = np.mean([_amplitude(one, rings) for one in members], axis=0)
    gain = np.clip(wanted / _amplitude(mean, rings), 1.0, 3.0)
    # Very fine detail of a mean is noise: amplify less and less towards it.
    fade = 1.0 / (1.0 + (np.arange(len(gain)) / (0.22 * mean.shape[0])) ** 4)
    gain = 1.0 + (gain - 1.0) * fade
    return np.asarray(fft.irfft2(fft.rfft2(mean) * gain[rings], mean.shape), np.float32)


def _rings(side: int) -> _Indices:
    rows = fft.fftfreq(side)[:, np.newaxis] * side
    columns = fft.rfftfreq(side)[np.newaxis] * side
    return np.asarray(np.minimum(np.hypot(rows, columns), side // 2), np.int64)


def _amplitude(x: Floats, rings: _Indices) -> NDArray[np.float64]:
    power = np.bincount(rings.ravel(), (np.abs(fft.rfft2(x)) ** 2).ravel())
    return np.asarray(np.sqrt(power / np.bincount(rings.ravel()) + 1e-6))


def _finish(x: Floats) -> Grey:
    """Spread over 0..255 as the radiographs themselves do: half a percent clipped each side."""
    low, high = np.percentile(x, (0.5, 99.5))
    return to_grey(np.asarray((x - low) / (high - low) * 255, np.float32))
