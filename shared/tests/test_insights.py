"""Each insight on generated pictures whose truth is known."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.insights.contrasts import edge_densities, pixel_intensity
from shared.insights.curves import HistoryError, curves_of, read_curves
from shared.insights.distribution import class_distribution
from shared.insights.effects import cohens_d, size_word
from shared.insights.pictures import Measured, by_class, measure
from shared.insights.samples import sample_images

CLASSES = ("a", "b")


def pictures(label: str, *, level: float, grain: float, count: int = 30, seed: int = 0) -> list:
    rng = np.random.default_rng([seed, int(level)])
    levels = rng.normal(level, 4, count)
    return [
        measure(label, np.clip(rng.normal(one, grain, (32, 32)), 0, 255).astype(np.uint8))
        for one in levels
    ]


def brighter_by_thirty() -> list[Measured]:
    return pictures("a", level=100, grain=5) + pictures("b", level=130, grain=5)


def test_classes_are_counted_in_their_order() -> None:
    found = class_distribution(["b", "a", "b", "b"], CLASSES)
    assert found.counts == (1, 3)
    assert found.ratio == 3
    assert "b is the largest class with 3 of 4 pictures, 3.0 times a" in found.interpretation
    assert "right for 75 %" in found.interpretation


def test_even_classes_are_called_nearly_equal() -> None:
    found = class_distribution(["a"] * 5 + ["b"] * 4, CLASSES)
    assert "nearly equal size" in found.interpretation
    assert "misleads" not in found.interpretation


def test_counts_have_separators_and_one_picture_is_singular() -> None:
    many = class_distribution(["a"] * 1000 + ["b"] * 2512, CLASSES)
    assert "with 2,512 of 3,512 pictures" in many.interpretation
    assert "the smallest (1,000)" in many.interpretation
    one = class_distribution(["a"], ("a",))
    assert one.interpretation == "1 picture of one class, a; a model needs at least two."


def test_a_class_without_pictures_is_named() -> None:
    found = class_distribution(["a"], CLASSES)
    assert math.isinf(found.ratio)
    assert found.interpretation.startswith("b has no picture")


def test_no_class_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="no class"):
        class_distribution([], [])


def test_samples_are_of_their_class_and_repeat_by_seed() -> None:
    labels = ["a", "b"] * 10 + ["b"]
    found = sample_images(labels, CLASSES, each=4, seed=3)
    assert found == sample_images(labels, CLASSES, each=4, seed=3)
    assert found != sample_images(labels, CLASSES, each=4, seed=4)
    for name, places in zip(CLASSES, found.chosen, strict=True):
        assert len(set(places)) == 4
        assert {labels[place] for place in places} == {name}
    assert "4 of 10 a, 4 of 11 b" in found.interpretation


def test_a_class_with_few_pictures_shows_all() -> None:
    assert sample_images(["a", "b"], CLASSES, each=5).chosen == ((0,), (1,))


def test_a_class_brighter_by_thirty_is_seen() -> None:
    found = pixel_intensity(brighter_by_thirty(), CLASSES)
    assert found.contrast is not None
    assert (found.contrast.low, found.contrast.high) == ("a", "b")
    assert found.contrast.gap == pytest.approx(30, abs=3)
    assert found.contrast.cohens_d == pytest.approx(30 / 4, rel=0.3)
    assert "a large effect" in found.interpretation
    assert "in place of the lungs" in found.interpretation
    assert [sum(one) for one in found.histograms] == pytest.approx([1, 1])
    assert np.dot(found.histograms[0], range(256)) == pytest.approx(found.spreads[0].mean)


def test_classes_that_look_alike_raise_no_alarm() -> None:
    alike = pictures("a", level=100, grain=5) + pictures("b", level=100, grain=5)
    found = pixel_intensity(alike, CLASSES)
    assert found.contrast is not None
    assert (found.contrast.gap, found.contrast.cohens_d) == (0, 0)
    assert "negligible" in found.interpretation
    assert "lungs" not in found.interpretation


def test_a_grainier_class_has_more_edges() -> None:
    found = edge_densities(
        pictures("a", level=100, grain=30) + pictures("b", level=100, grain=3), CLASSES
    )
    assert found.contrast is not None
    assert (found.contrast.low, found.contrast.high) == ("b", "a")
    assert found.spreads[0].mean > 0.5
    assert found.spreads[1].mean < 0.05
    assert found.interpretation.startswith("a has the most edges and b the fewest")


def test_one_class_alone_has_no_contrast() -> None:
    measured = pictures("a", level=100, grain=5)
    assert pixel_intensity(measured, CLASSES).contrast is None
    assert (
        "a has a mean grey level of 99.5 of 255"
        in pixel_intensity(measured, CLASSES).interpretation
    )
    assert "In a " in edge_densities(measured, CLASSES).interpretation


def test_no_picture_cannot_be_measured() -> None:
    for look in (pixel_intensity, edge_densities):
        with pytest.raises(ValueError, match="no picture"):
            look([], CLASSES)


def test_classes_keep_their_order() -> None:
    assert list(by_class(brighter_by_thirty(), ("b", "c", "a"))) == ["b", "a"]


def test_cohens_d_of_a_known_case() -> None:
    # Means 2 and 4, both with variance 1: two standard deviations apart.
    assert cohens_d([1, 2, 3], [3, 4, 5]) == pytest.approx(2)
    assert cohens_d([3, 4, 5], [1, 2, 3]) == pytest.approx(-2)
    assert cohens_d([1, 1], [1, 1]) == 0
    assert cohens_d([1, 1], [2, 2]) == math.inf
    assert math.isnan(cohens_d([1], [1, 2]))


@pytest.mark.parametrize(
    ("d", "word"),
    [(0.1, "negligible"), (-0.3, "small"), (0.5, "medium"), (-0.9, "large"), (math.nan, "unknown")],
)
def test_effect_sizes_have_names(d: float, word: str) -> None:
    assert size_word(d) == word


def history(losses: list[float], validation: list[float]) -> dict:
    pairs = zip(losses, validation, strict=True)
    return {"epochs": [{"loss": a, "validation": {"loss": b, "auc": 1 - b}} for a, b in pairs]}


def test_overfitting_is_told_with_the_epoch_to_stop_at() -> None:
    found = curves_of(history([1.0, 0.5, 0.2, 0.1], [0.9, 0.6, 0.7, 0.8]))
    assert found.best_epoch == 2
    assert found.gap == pytest.approx(0.7)
    assert "risen by 0.200 since: the training overfits; stop near epoch 2" in found.interpretation


def test_a_training_that_still_improves_is_told_so() -> None:
    found = curves_of(history([1.0, 0.5], [0.9, 0.6]))
    assert "best in epoch 2 of 2 and was still falling" in found.interpretation
    assert "+0.100" in found.interpretation


def test_without_validation_overfitting_cannot_be_seen() -> None:
    found = curves_of({"epochs": [{"loss": 1.0}]})
    assert (found.best_epoch, found.gap) == (None, None)
    assert "1 epoch;" in found.interpretation
    assert "cannot be seen" in found.interpretation


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        {"epochs": []},
        {"epochs": [{"loss": "x"}]},
        {"epochs": [{"loss": 1.0, "validation": {"auc": 1}}, {"loss": 1.0}]},
        {"epochs": [{"loss": math.nan}]},
    ],
)
def test_what_is_no_history_is_refused(wrong: object) -> None:
    with pytest.raises(HistoryError):
        curves_of(wrong)


def test_a_history_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps(history([1.0], [0.5])))
    assert read_curves(path).loss == (1.0,)
    path.write_text("{")
    with pytest.raises(HistoryError, match=r"history\.json is no JSON"):
        read_curves(path)


def test_the_numbers_need_no_matplotlib() -> None:
    modules = "contrasts curves distribution effects measures pictures samples style"
    code = "\n".join(f"import shared.insights.{name}" for name in modules.split())
    code += "\nimport sys; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
