"""The drawings show what was counted: read back off the axes."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from shared.insights.contrasts import edge_densities, pixel_intensity
from shared.insights.curves import curves_of
from shared.insights.distribution import class_distribution
from shared.insights.drawing import (
    draw_curves,
    draw_distribution,
    draw_edges,
    draw_intensity,
    draw_samples,
    save_figure,
)
from shared.insights.pictures import measure
from shared.insights.samples import sample_images

CLASSES = ("a", "b", "c")
RNG = np.random.default_rng(0)
GREYS = [RNG.integers(0, 100 + 50 * (n % 3), (32, 32)).astype(np.uint8) for n in range(12)]
LABELS = [CLASSES[n % 3] for n in range(12)]
MEASURED = [measure(label, grey) for label, grey in zip(LABELS, GREYS, strict=True)]


def test_bars_are_as_long_as_the_classes_are_large() -> None:
    axes = draw_distribution(class_distribution(["a", "c", "c"], CLASSES)).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [1, 0, 2]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(CLASSES)


def test_chosen_pictures_are_shown_in_their_class_row() -> None:
    found = sample_images(LABELS, CLASSES, each=3)
    figure = draw_samples(found, dict(enumerate(GREYS)))
    shown = [axes.images[0].get_array() for axes in figure.axes]
    wanted = [GREYS[place] for places in found.chosen for place in places]
    assert all((a == b).all() for a, b in zip(shown, wanted, strict=True))


def test_a_row_may_be_shorter_than_others() -> None:
    found = sample_images(["a", "a", "b"], ("a", "b"), each=2)
    figure = draw_samples(found, dict(enumerate(GREYS)))
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1, 0]


def test_histograms_hold_all_pixels() -> None:
    axes = draw_intensity(pixel_intensity(MEASURED, CLASSES)).axes[0]
    for stairs in axes.patches:
        assert stairs.get_data().values.sum() == pytest.approx(100)


def test_edges_are_drawn_between_the_quartiles() -> None:
    found = edge_densities(MEASURED, CLASSES)
    axes = draw_edges(found).axes[0]
    for bar, spread in zip(axes.patches, found.spreads, strict=True):
        low, _, high = spread.quartiles
        assert bar.get_x() == pytest.approx(100 * low)
        assert bar.get_width() == pytest.approx(100 * (high - low))


def test_curves_have_a_point_an_epoch() -> None:
    epochs = [{"loss": 1 / n, "validation": {"loss": 2 / n, "auc": 1 - 1 / n}} for n in (1, 2, 3)]
    left, right = draw_curves(curves_of({"epochs": epochs})).axes
    assert left.lines[0].get_ydata() == pytest.approx([1, 1 / 2, 1 / 3])
    assert left.lines[1].get_ydata() == pytest.approx([2, 1, 2 / 3])
    assert right.lines[0].get_ydata() == pytest.approx([0, 1 / 2, 2 / 3])


def test_curves_without_validation_are_one_panel() -> None:
    assert len(draw_curves(curves_of({"epochs": [{"loss": 1.0}]})).axes) == 1


def test_a_figure_is_saved_alike_each_time(tmp_path: Path) -> None:
    found = class_distribution(LABELS, CLASSES)

    def draw() -> Figure:
        return draw_distribution(found)

    for name in ("one", "two"):
        save_figure(draw, tmp_path / f"{name}.svg")
        save_figure(draw, tmp_path / f"{name}.png")
    for suffix in ("svg", "png"):
        first = (tmp_path / f"one.{suffix}").read_bytes()
        assert first == (tmp_path / f"two.{suffix}").read_bytes()
