import numpy as np
import pytest

from trainer.core.evaluation_blackout import VIEWS, judged, lungs, probe

CLASSES = ("a", "b", "c")


def test_the_ellipses_cover_what_the_report_says() -> None:
    mask = lungs(224)
    assert mask.mean() == pytest.approx(0.60, abs=0.005)
    assert (mask == mask[:, ::-1]).all()
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()


def test_every_pixel_is_in_one_of_the_two_halves() -> None:
    grey = np.random.default_rng(0).integers(1, 256, (64, 64), np.uint8)
    whole, without, alone = (view.change(grey, "") for view in VIEWS)
    assert (whole == grey).all()
    assert (without + alone == grey).all()
    assert ((without == 0) == lungs(64)).all()


def test_a_class_without_pictures_does_not_count() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]], np.float32)
    found = judged("v", "j", probabilities, np.array([0, 1, 1]), CLASSES)
    assert found.class_accuracy == pytest.approx(2 / 3)
    assert found.balanced == pytest.approx(0.75)
    assert found.auc == {"a": 1.0, "b": 1.0}


def test_a_probe_finds_what_is_there_and_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 2], 200)
    told = rng.normal(labels[:, None], 0.5, (400, 4)).astype(np.float32)
    blind = rng.normal(0, 1, (400, 4)).astype(np.float32)
    seen = judged("v", "j", probe(told[::2], labels[::2], told[1::2], 3), labels[1::2], CLASSES)
    none = judged("v", "j", probe(blind[::2], labels[::2], blind[1::2], 3), labels[1::2], CLASSES)
    assert seen.auc["c"] > 0.95
    assert none.auc["c"] < 0.65
