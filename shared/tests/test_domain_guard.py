"""Two looks at the features, each with its own limit."""

import numpy as np
import pytest

from shared.domain_guard import DomainGuard, load_domain_guard, reasons_of


def guard() -> DomainGuard:
    """Discriminator: the first feature. Distance: to a bank of points around the origin."""
    random = np.random.default_rng(0)
    return DomainGuard(
        kernel=np.array([1, 0, 0], np.float32),
        offset=np.float32(0),
        mean=np.zeros(3, np.float32),
        axes=np.eye(3, dtype=np.float32)[:, 1:],
        bank=random.normal(size=(50, 2)).astype(np.float32),
        limits=np.array([2.0, 1.0], np.float32),
        medians=np.array([0.0, -1.0], np.float32),
    )


@pytest.mark.parametrize(
    ("features", "reasons"),
    [
        ((0, 0, 0), ()),
        ((3, 0, 0), ("not_a_chest_radiograph",)),
        ((0, 9, 9), ("far_from_training_images",)),
        ((3, 9, 9), ("not_a_chest_radiograph", "far_from_training_images")),
    ],
)
def test_each_look_names_its_own_reason(features, reasons):
    scores = guard().strangeness(np.array([features], np.float32))
    assert scores.shape == (1, 2)
    assert reasons_of(scores[0]) == reasons


def test_the_distance_is_that_to_the_fifth_nearest():
    bank = guard().bank
    point = np.array([[0.0, 0.4, -0.3]], np.float32)
    expected = np.sort(((bank - point[:, 1:]) ** 2).sum(1))[4]
    assert guard().raw_scores(point)[0, 1] == pytest.approx(np.log(expected), abs=1e-4)


def test_what_is_stored_is_what_is_loaded(tmp_path):
    guard().store(tmp_path / "domain.npz")
    loaded = load_domain_guard(tmp_path / "domain.npz")
    points = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded.strangeness(points), guard().strangeness(points))


def test_another_npz_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", kernel=np.zeros(3))
    with pytest.raises(KeyError):
        load_domain_guard(tmp_path / "other.npz")
