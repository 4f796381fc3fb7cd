"""Pictures that are no chest radiograph, drawn or made, and what the guard makes of strangers."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from sklearn.metrics import roc_auc_score

from trainer.core.arrays import Floats, Grey
from trainer.core.views import Rng

_LINES = 14
_WORD_LENGTHS = (2, 11)


@dataclass(frozen=True, slots=True)
class Strangers:
    """auroc: of the strangeness, against the folder's radiographs. flagged: share, 0..1."""

    kind: str
    pictures: int
    auroc: float
    flagged: float


def judge_strangers(kind: str, radiographs: Floats, strangers: Floats) -> Strangers:
    """Judge the guard's `strangeness`, float32 [N, 2] and [M, 2]; the larger look counts."""
    usual, strange = radiographs.max(axis=1), strangers.max(axis=1)
    truth = np.repeat([0, 1], [len(usual), len(strange)])
    auroc = float(roc_auc_score(truth, np.concatenate([usual, strange])))
    return Strangers(kind, len(strange), auroc, float((strange > 0).mean()))


def draw_blanks(size_px: int, count: int) -> tuple[Grey, ...]:
    """Fill pictures with one grey each, black to white."""
    levels = np.linspace(0, 255, count).round().astype(np.uint8)
    return tuple(np.full((size_px, size_px), level, np.uint8) for level in levels)


def draw_text_page(size_px: int, rng: Rng) -> Grey:
    """Print a page of chance words, dark on light."""
    page = Image.new("L", (size_px, size_px), int(rng.integers(215, 256)))
    pen = ImageDraw.Draw(page)
    step = size_px / (_LINES + 1)
    left = size_px * rng.uniform(0.04, 0.12)
    for line in range(_LINES):
        if rng.random() < 0.1:  # noqa: PLR2004  now and then a paragraph ends
            continue
        text = " ".join(_word(rng) for _ in range(12))
        pen.text((left, (line + 0.5) * step), text, int(rng.integers(0, 70)), font_size=step * 0.75)
    return np.asarray(page, np.uint8)


def _word(rng: Rng) -> str:
    letters = rng.integers(ord("a"), ord("z") + 1, rng.integers(*_WORD_LENGTHS))
    return "".join(map(chr, letters.tolist()))
