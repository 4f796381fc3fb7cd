"""Composites as grey JPEG files, in the sizes that radiographs come in."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from trainer.service.sampling import Sample

_SIZES_PX = (224, 1024)
_QUALITY = 90


def store_samples(samples: Sequence[Sample], folder: Path) -> tuple[Path, ...]:
    """Write `<class>-composite-<n>-<size>px.jpeg`; the first of a class at 224 px, then larger."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for sample in samples:
        side = _SIZES_PX[(sample.number - 1) % len(_SIZES_PX)]
        image = Image.fromarray(sample.grey).resize((side, side), Image.Resampling.BICUBIC)
        path = folder / f"{sample.label}-composite-{sample.number}-{side}px.jpeg"
        image.save(path, quality=_QUALITY)
        paths.append(path)
    return tuple(paths)
