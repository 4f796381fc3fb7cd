"""Pictures that are no upright chest radiograph, made from one: what the domain guard learns from.

No foreign data is needed. Each maker takes and gives uint8 [S, S].
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from trainer.core.arrays import Grey
from trainer.core.views import REFERENCE_PX, Rng, to_grey

Maker = Callable[[Grey, Rng], Grey]


def make_strange(grey: Grey, rng: Rng) -> Grey:
    """Give a picture that is out of domain, made from one that is not."""
    return np.ascontiguousarray(MAKERS[int(rng.integers(len(MAKERS)))](grey, rng))


def invert(grey: Grey, _: Rng) -> Grey:
    """Swap black and white."""
    return 255 - grey


def lay_on_its_side(grey: Grey, rng: Rng) -> Grey:
    """Turn by a quarter, either way."""
    return np.rot90(grey, int(rng.choice([1, 3])))


def turn_over(grey: Grey, _: Rng) -> Grey:
    """Turn by a half."""
    return grey[::-1, ::-1]


def take_a_corner(grey: Grey, rng: Rng) -> Grey:
    """Enlarge a corner."""
    side = grey.shape[0]
    size = int(rng.integers(50, 90)) * side // REFERENCE_PX
    top, left = rng.choice([0, side - size], 2)
    part = Image.fromarray(np.ascontiguousarray(grey[top : top + size, left : left + size]))
    return np.asarray(part.resize((side, side), Image.Resampling.BICUBIC))


def shuffle_tiles(grey: Grey, rng: Rng) -> Grey:
    """Cut into 2 × 2, 4 × 4 or 7 × 7 tiles and mix them; what does not divide stays black."""
    count = int(rng.choice([2, 4, 7]))
    side = grey.shape[0] // count
    inner = grey[: side * count, : side * count]
    tiles = inner.reshape(count, side, count, side).swapaxes(1, 2).reshape(-1, side, side)
    mixed = tiles[rng.permutation(count**2)].reshape(count, count, side, side)
    shuffled = np.zeros_like(grey)
    shuffled[: side * count, : side * count] = mixed.swapaxes(1, 2).reshape(inner.shape)
    return shuffled


def scramble(grey: Grey, rng: Rng) -> Grey:
    """Keep the spectrum and draw every phase anew."""
    spectrum = np.abs(np.fft.rfft2(grey))
    phases = np.exp(2j * np.pi * rng.random(spectrum.shape))
    made = np.fft.irfft2(spectrum * phases, grey.shape)
    spread = max(float(made.std()), 1e-6)
    return to_grey(((made - made.mean()) / spread * grey.std() + grey.mean()).astype(np.float32))


def make_gradient(grey: Grey, rng: Rng) -> Grey:
    """Keep nothing: a smooth gradient with grain."""
    side = grey.shape[0]
    top, bottom = rng.uniform(0, 255, 2).tolist()
    left, right = rng.uniform(-128, 128, 2).tolist()
    rows, columns = np.linspace(top, bottom, side), np.linspace(left, right, side)
    grain = rng.normal(0, rng.uniform(0, 30), grey.shape)
    return to_grey((np.add.outer(rows, columns) + grain).astype(np.float32))


MAKERS: tuple[Maker, ...] = (
    invert,
    lay_on_its_side,
    turn_over,
    take_a_corner,
    shuffle_tiles,
    scramble,
    make_gradient,
)
