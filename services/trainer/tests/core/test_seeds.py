import numpy as np
import pytest

from trainer.core.figures import ThresholdRule, all_figures
from trainer.core.seeds import Run, summarise, summary_text

CLASSES = ("NORMAL", "viral")
LABELS = np.repeat([0, 1], 40)
PATIENTS = [f"p{n // 2}" for n in range(80)]


def run_of(name: str, wrong: int) -> Run:
    p = np.where(np.arange(80) < wrong, 0.8, np.where(LABELS == 1, 0.9, 0.1))
    probabilities = np.stack([1 - p, p], axis=1).astype(np.float32)
    rule = ThresholdRule(0, 0.5)
    figures = all_figures(probabilities, LABELS, CLASSES, rule) | {"out_of_domain": wrong / 80}
    return Run(name, wrong, rule, probabilities, figures)


def test_the_middle_bundle_is_told_with_the_others_beside_it() -> None:
    rows = summarise(
        [run_of(n, w) for n, w in (("a", 0), ("b", 20), ("c", 4))], LABELS, PATIENTS, CLASSES
    )
    found = {row.figure: row for row in rows}
    accuracy = found["accuracy"]
    assert accuracy.median == pytest.approx(76 / 80)
    assert accuracy.each == pytest.approx((1, 60 / 80, 76 / 80))
    assert accuracy.interval is not None
    low, high = accuracy.interval
    assert 60 / 80 < low < accuracy.median < high <= 1
    assert found["out_of_domain"].interval is None
    assert found["out_of_domain"].median == pytest.approx(4 / 80)


def test_a_figure_that_a_bundle_lacks_is_left_out() -> None:
    whole, poor = run_of("a", 0), run_of("b", 2)
    del poor.figures["auc"]
    figures = {row.figure for row in summarise([whole, poor], LABELS, PATIENTS, CLASSES)}
    assert "auc" not in figures
    assert "accuracy" in figures


def test_the_text_names_every_bundle() -> None:
    runs = [run_of("a", 0), run_of("b", 2)]
    rows = summarise(runs, LABELS, PATIENTS, CLASSES)
    text = summary_text(runs, rows, examples=80, patients=40, note="Looked once.")
    assert "| figure | median | 95 % | a, seed 0 | b, seed 2 |" in text
    assert "80 pictures of 40 patients" in text
    assert "Looked once." in text
