import numpy as np
import pytest

from trainer.core.probe import fit_head


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_learns_what_is_linear_on_unscaled_features(classes: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(300) % classes
    features = rng.normal(0, 0.3, (300, 6)).astype(np.float32)
    features[np.arange(300), labels] += 2
    features = features * np.array([1, 100, 0.01, 5, 1, 1], np.float32) + 7
    head = fit_head(features, labels, strength=0.01, classes=classes)
    assert head.kernel.shape == (6, classes)
    assert (head.logits(features).argmax(axis=1) == labels).mean() > 0.98


def test_a_rare_class_is_not_swallowed_by_a_common_one() -> None:
    rng = np.random.default_rng(1)
    labels = (np.arange(400) % 20 == 0).astype(np.int64)
    features = (rng.normal(0, 1, (400, 2)) + labels[:, None]).astype(np.float32)
    head = fit_head(features, labels, strength=0.01, classes=2)
    assert (head.logits(features)[labels == 1].argmax(axis=1) == 1).mean() > 0.5
