"""Pictures that installed packages bring along: photographs, pages, slices of other body parts.

scikit-learn is always there; scikit-image and pydicom are the developer's tools, and a kind whose
package is missing is left out. Nothing is downloaded.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from shared.preprocessing import decode_grey
from trainer.core.arrays import Grey

_PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png",
    "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg",
)  # fmt: skip
_PAGES = ("page.png", "text.png")
_MICROSCOPY = ("cell.png", "ihc.png", "microaneurysms.png", "retina.jpg")
_MODALITIES = ("CT", "MR", "US", "NM", "CR", "DX", "MG", "XA", "RF")
_SMALLEST_PX = 32
_SLICES = 5
"""Most slices taken of one file with many."""


def package_pictures(size_px: int) -> dict[str, tuple[Grey, ...]]:
    """Give pictures uint8 [S, S] by kind: every photograph whole, and its quarters."""
    images = _folder("skimage", "data")
    photographs = [*_files(images, _PHOTOGRAPHS), *_files(_folder("sklearn", "datasets/images"))]
    return {
        "photographs and their quarters": tuple(
            part for path in photographs for part in _whole_and_quarters(path, size_px)
        ),
        "scanned pages": tuple(_decoded(path, size_px) for path in _files(images, _PAGES)),
        "microscopy and retina": tuple(
            _decoded(path, size_px) for path in _files(images, _MICROSCOPY)
        ),
        "CT, MR, ultrasound and bone scan": tuple(_dicom_slices(size_px)),
    }


def _folder(package: str, inside: str) -> Path | None:
    """Find a package's folder without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _files(folder: Path | None, names: tuple[str, ...] = ()) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    if not names:
        return sorted(folder.glob("*.jpg"))
    return [folder / name for name in names if (folder / name).exists()]


def _decoded(path: Path, size_px: int) -> Grey:
    return decode_grey(path.read_bytes(), size_px)


def _whole_and_quarters(path: Path, size_px: int) -> Iterator[Grey]:
    yield _decoded(path, size_px)
    double = _decoded(path, 2 * size_px)
    for rows in (slice(None, size_px), slice(size_px, None)):
        for columns in (slice(None, size_px), slice(size_px, None)):
            yield np.ascontiguousarray(double[rows, columns])


def _dicom_slices(size_px: int) -> Iterator[Grey]:
    folder = _folder("pydicom", "data/test_files")
    if folder is None:
        return
    import pydicom  # noqa: PLC0415  a developer's tool, perhaps not there

    seen: set[bytes] = set()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            dataset = pydicom.dcmread(path)
            if dataset.get("Modality") not in _MODALITIES:
                continue
            frames = dataset.pixel_array
        # Test files are broken in every way there is; what no decoder takes is no picture.
        except Exception:  # noqa: BLE001, S112
            continue
        for frame in _frames(frames, dataset.get("SamplesPerPixel", 1)):
            grey = _stretched(frame, size_px)
            if grey is not None and grey.tobytes() not in seen:
                seen.add(grey.tobytes())
                yield grey


def _frames(pixels: np.ndarray, samples: int) -> list[np.ndarray]:
    single = 2 if samples == 1 else 3
    frames = list(pixels) if pixels.ndim > single else [pixels]
    chosen = frames[:: max(1, len(frames) // _SLICES)][:_SLICES]
    return [one if samples == 1 else one.mean(axis=-1) for one in chosen]


def _stretched(frame: np.ndarray, size_px: int) -> Grey | None:
    if min(frame.shape) < _SMALLEST_PX:
        return None
    low, high = np.percentile(frame, (0.5, 99.5))
    if high <= low:
        return None
    level = np.clip((frame - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    image = Image.fromarray(level).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)
