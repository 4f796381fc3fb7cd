"""A process that looks at pictures: `python -m registry.adapters.measuring`, frames in, JSON out.

The first frame is the order; then come, for each picture, what it is said to show and its bytes.
It decodes what strangers have sent, and what it takes of memory ends with it.
"""

import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from registry.adapters.frames import Frames
from shared.contracts.bundle import PreprocessingSpec
from shared.contracts.insights import (
    ClassContrast,
    ClassSpread,
    EdgeDensities,
    Measures,
    PixelIntensity,
)
from shared.contracts.message import Message
from shared.insights.contrasts import (
    Contrast,
    EdgeDensity,
    Intensity,
    Spread,
    edge_densities,
    pixel_intensity,
)
from shared.insights.pictures import Measured, measure
from shared.preprocessing import ImageError, decode_grey

_LEVELS = 8
"""Grey levels told as one step of a histogram."""
_DIGITS = 6
_NICE = 10
_SIZE_PX = PreprocessingSpec().size_px
MEMORY_BYTES = 320 * 1024 * 1024
"""Addresses that this process may have beside its libraries: the worst image that is decoded fits,
and registry and process fit the registry's container."""


class Order(Message):
    """How long to look. classes: every label there is."""

    classes: tuple[str, ...]
    seconds: float


def look(order: Order, frames: Frames) -> Measures:
    """Measure pictures at 224 × 224 px, grey, until the time is up."""
    frames.wait_until(time.monotonic() + order.seconds)
    measured: list[Measured] = []
    left_out = 0
    while (label := frames.take()) is not None and (content := frames.take()) is not None:
        try:
            grey = decode_grey(content, _SIZE_PX)
        except (ImageError, MemoryError):
            left_out += 1
        else:
            measured.append(measure(label.decode(), grey))
    return Measures(
        measured=len(measured),
        left_out=left_out,
        complete=frames.are_read,
        intensity=_intensity(pixel_intensity(measured, order.classes)) if measured else None,
        edge_density=_edges(edge_densities(measured, order.classes)) if measured else None,
    )


def _intensity(found: Intensity) -> PixelIntensity:
    steps = range(0, 256, _LEVELS)
    return PixelIntensity(
        classes=found.classes,
        edges=(*steps, 256),
        histograms=tuple(
            tuple(round(sum(shares[low : low + _LEVELS]), _DIGITS) for low in steps)
            for shares in found.histograms
        ),
        spreads=_spreads(found.spreads),
        contrast=_contrast(found.contrast),
        interpretation=found.interpretation,
    )


def _edges(found: EdgeDensity) -> EdgeDensities:
    return EdgeDensities(
        classes=found.classes,
        spreads=_spreads(found.spreads),
        contrast=_contrast(found.contrast),
        interpretation=found.interpretation,
    )


def _spreads(found: Sequence[Spread]) -> tuple[ClassSpread, ...]:
    return tuple(
        ClassSpread(
            pictures=one.pictures,
            mean=round(one.mean, _DIGITS),
            deviation=round(one.deviation, _DIGITS),
            quartiles=one.quartiles,
        )
        for one in found
    )


def _contrast(found: Contrast | None) -> ClassContrast | None:
    if found is None:
        return None
    # Of classes that do not vary, or of one picture, there is no such number.
    effect = found.cohens_d if abs(found.cohens_d) < float("inf") else None
    return ClassContrast(
        low=found.low, high=found.high, gap=round(found.gap, _DIGITS), cohens_d=effect
    )


def bound_memory(more_bytes: int) -> None:
    """Let this process have so many more bytes of addresses than it has now (RLIMIT_AS)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Read an order and its pictures from standard input, and write what was seen."""
    os.nice(_NICE)
    if sys.platform == "linux":
        bound_memory(MEMORY_BYTES)
    frames = Frames(sys.stdin.fileno())
    order = Order.model_validate_json(frames.take() or b"")
    sys.stdout.write(look(order, frames).model_dump_json())


if __name__ == "__main__":
    main()
