"""What of an image speaks for the answer: a class map in the units of the answer."""

from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

from inference_worker.core.overlays import draw_overlay, heat_of
from inference_worker.core.verdicts import calibrated
from shared.contracts.bundle import Manifest
from shared.contracts.predict import Explanation, Overlay

_GRID_DECIMALS, _LOGIT_DECIMALS = 3, 6

Maps = NDArray[np.float32]


def explain(maps: Maps, label: str, size_px: tuple[int, int], manifest: Manifest) -> Explanation:
    """Explain the answer `label` by its class activation map.

    maps: float32 [G, G, C], whose mean over the cells are the logits (Zhou et al. 2016, exact where
    the head follows the pooling). size_px: width and height of the image as it is shown.

    Calibration is a factor and a constant a class, so it is put on every cell: the mean of a
    calibrated map is the calibrated logit, and the softmax of those are the probabilities.
    """
    cells = calibrated(maps, manifest.calibration)
    grid = cells[:, :, manifest.classes.index(label)]
    logits = cells.mean(axis=(0, 1)).round(_LOGIT_DECIMALS).tolist()
    png = draw_overlay(heat_of(grid), size_px)
    return Explanation(
        of_class=label,
        logits=dict(zip(manifest.classes, logits, strict=True)),
        grid=tuple(tuple(row) for row in grid.round(_GRID_DECIMALS).tolist()),
        overlay=Overlay(base64=b64encode(png).decode()),
    )
