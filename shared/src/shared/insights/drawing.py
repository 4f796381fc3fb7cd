"""Draws what the other modules count. The only one that needs matplotlib (the extra `draw`)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.insights.contrasts import EdgeDensity, Intensity
from shared.insights.curves import TrainingCurves
from shared.insights.distribution import Distribution
from shared.insights.measures import Grey
from shared.insights.samples import Samples
from shared.insights.style import BLUE, DIM, GREY, SERIES, STYLE, SVG_METADATA

_WIDTH = 6.4
_LEVELS = 8
"""Grey levels drawn as one step of a histogram."""


def save_figure(draw: Callable[[], Figure], path: Path) -> None:
    """Draw and write a figure in the project's style; the suffix chooses SVG or PNG."""
    metadata = SVG_METADATA if path.suffix == ".svg" else None
    with mpl.rc_context(STYLE):
        draw().savefig(path, metadata=metadata, dpi=100)


def draw_distribution(found: Distribution) -> Figure:
    """Draw a bar a class, with its count."""
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.42 * len(found.classes)), layout="constrained")
    axes = figure.subplots()
    places = range(len(found.classes))
    colours = [_colour(place) for place in places]
    bars = axes.barh(places, found.counts, color=colours, height=0.62)
    axes.bar_label(bars, padding=4)
    axes.set_yticks(places, found.classes)
    axes.invert_yaxis()
    axes.set(title="Pictures by class", xticks=())
    axes.spines.bottom.set_visible(False)
    axes.tick_params(length=0)
    return figure


def draw_samples(found: Samples, pictures: Mapping[int, Grey]) -> Figure:
    """Draw a row a class. pictures: uint8 [H, W] of every chosen place."""
    columns = max(1, *(len(places) for places in found.chosen))
    size = _WIDTH, 0.3 + _WIDTH / columns * len(found.classes)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(found.classes), columns, squeeze=False)
    for row, (name, places) in enumerate(zip(found.classes, found.chosen, strict=True)):
        for column, axes in enumerate(grid[row]):
            axes.set_axis_off()
            if column < len(places):
                axes.imshow(pictures[places[column]], cmap="gray", vmin=0, vmax=255)
        grid[row][0].set_title(name)
    return figure


def draw_intensity(found: Intensity) -> Figure:
    """Draw the distribution of grey levels, a line a class, a tick at its mean."""
    figure = Figure(figsize=(_WIDTH, 3.0), layout="constrained")
    axes = figure.subplots()
    steps = np.arange(0, 257, _LEVELS)
    parts = zip(found.classes, found.histograms, found.spreads, strict=True)
    for place, (name, histogram, spread) in enumerate(parts):
        shares = np.add.reduceat(histogram, steps[:-1])
        label = f"{name}, mean {spread.mean:.0f}"
        axes.stairs(100 * shares, steps, color=_colour(place), lw=1.4, label=label)
        axes.axvline(spread.mean, ymax=0.04, color=_colour(place), lw=2)
    axes.set(title="Pixel intensity", xlabel="grey level", ylabel="% of pixels", xlim=(0, 256))
    axes.legend()
    return figure


def draw_edges(found: EdgeDensity) -> Figure:
    """Draw the middle half of every class's pictures, its median and its mean."""
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.42 * len(found.classes)), layout="constrained")
    axes = figure.subplots()
    for place, spread in enumerate(found.spreads):
        low, middle, high = (100 * value for value in spread.quartiles)
        axes.barh(place, high - low, left=low, height=0.5, color=_colour(place), alpha=0.35)
        axes.plot((middle, middle), (place - 0.25, place + 0.25), color=_colour(place), lw=2)
        axes.plot(100 * spread.mean, place, "o", color=_colour(place), ms=4)
    axes.set_yticks(range(len(found.classes)), found.classes)
    axes.invert_yaxis()
    axes.set(title="Edge density: middle half, median (line), mean (dot)")
    axes.set(xlabel="% of pixels on an edge", xlim=(0, None))
    axes.tick_params(axis="y", length=0)
    return figure


def draw_curves(found: TrainingCurves) -> Figure:
    """Draw losses at the left, other validation figures at the right."""
    others = {name: one for name, one in found.validation.items() if name != "loss"}
    figure = Figure(figsize=(_WIDTH, 3.0), layout="constrained")
    panels = figure.subplots(1, 2 if others else 1, squeeze=False)[0]
    epochs = range(1, len(found.loss) + 1)
    panels[0].plot(epochs, found.loss, color=GREY, label="training")
    if "loss" in found.validation:
        panels[0].plot(epochs, found.validation["loss"], color=BLUE, label="validation")
        panels[0].axvline(found.best_epoch or 1, color=DIM, lw=0.8, ls=":")
    panels[0].set(title="Loss", xlabel="epoch", ylim=(0, None))
    panels[0].legend()
    if others:
        _draw_figures(panels[1], epochs, others)
    for axes in panels:
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _draw_figures(
    axes: Axes, epochs: Sequence[int], figures: Mapping[str, tuple[float, ...]]
) -> None:
    for place, (name, values) in enumerate(figures.items()):
        axes.plot(epochs, values, color=_colour(place), label=name.replace("_", " "))
    axes.set(title="Validation", xlabel="epoch")
    axes.legend()


def _colour(place: int) -> str:
    return SERIES[place % len(SERIES)]
