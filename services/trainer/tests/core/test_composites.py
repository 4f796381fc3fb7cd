import numpy as np
import pytest
from scipy import ndimage

from trainer.core.composites import clearest, compose, neighbourhoods, register, warp
from trainer.core.dataset import TooFewError
from trainer.core.phantoms import draw_phantom


def test_a_neighbourhood_holds_one_picture_a_patient_and_shares_none() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (120, 8)).astype(np.float32)
    patients = [f"p{n % 80}" for n in range(120)]
    found = neighbourhoods(features, patients, count=2, members=30)
    everyone = [patients[row] for one in found for row in one.members]
    assert len(everyone) == len(set(everyone)) == 60


def test_too_few_patients_make_no_composite() -> None:
    features = np.zeros((100, 4), np.float32)
    with pytest.raises(TooFewError):
        neighbourhoods(features, ["the same one"] * 100, count=1, members=30)


def test_registration_brings_a_moved_picture_back() -> None:
    still = draw_phantom(np.random.default_rng(2), opacity=0.1, patches=0, size_px=96)
    fixed = (still.astype(np.float32) - 128) / 64
    moved = ndimage.shift(fixed, (4, -3), order=1, mode="nearest")
    bent = warp(moved, register(moved, fixed))
    assert np.abs(bent - fixed).mean() < 0.5 * np.abs(moved - fixed).mean()


def test_a_composite_is_none_of_its_members() -> None:
    rng = np.random.default_rng(3)
    members = np.stack([draw_phantom(rng, opacity=0.1, patches=1, size_px=64) for _ in range(12)])
    mean = compose(members, rounds=1)
    assert mean.shape == (64, 64)
    nearest = min(np.abs(mean.astype(float) - one).mean() for one in members)
    assert nearest > 5


def test_the_clearest_of_every_class_are_marked() -> None:
    labels = np.arange(40) % 2
    second = 0.5 + np.linspace(0, 0.4, 40, dtype=np.float32) * (2 * labels - 1)
    probabilities = np.stack([1 - second, second], axis=1).astype(np.float32)
    marked = clearest(probabilities, labels, share=0.5)
    assert marked.sum() == 20
    assert marked[-10:].all()
    assert not marked[:10].any()
