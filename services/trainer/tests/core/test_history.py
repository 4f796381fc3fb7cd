import json

import numpy as np
import pytest

from trainer.core.history import Epoch, held_figures, history_json, read_epochs

EVEN = np.ones(2, np.float32)


def test_held_figures_of_a_known_case() -> None:
    logits = np.log(np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]], np.float32))
    found = held_figures(logits, np.array([0, 1, 1]), EVEN, smooth=0.0)
    assert found["loss"] == pytest.approx(-np.log([0.8, 0.6, 0.1]).mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(0.75)


def test_smoothing_and_class_weights_count_as_in_training() -> None:
    logits = np.log(np.array([[0.8, 0.2]], np.float32))
    found = held_figures(logits, np.array([0]), np.array([3, 1], np.float32), smooth=0.2)
    assert found["loss"] == pytest.approx(-3 * (0.9 * np.log(0.8) + 0.1 * np.log(0.2)), rel=1e-5)


def test_a_history_survives_its_file() -> None:
    epochs = (Epoch(0.123456789, {"loss": 0.5}), Epoch(0.1, {"loss": 0.4}))
    first = history_json(epochs)
    assert [one["epoch"] for one in first["epochs"]] == [1, 2]
    again = read_epochs(json.loads(json.dumps(first)))
    assert history_json(again) == first
