import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.core.phantoms import draw_phantom, golden_images
from trainer.core.shifts import SHIFTS, shifted_view
from trainer.core.views import CLEAN, Policy, augmented_view

PHANTOM = draw_phantom(np.random.default_rng(0), opacity=0.2, patches=2, size_px=96)
SHA = "ab" * 32


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_every_view_keeps_size_and_type(seed: int) -> None:
    view = augmented_view(1, Policy(), seed).change(PHANTOM, SHA)
    assert view.shape == PHANTOM.shape
    assert view.dtype == np.uint8


def test_a_view_depends_on_seed_number_and_picture_alone() -> None:
    again = [augmented_view(1, Policy(), 5).change(PHANTOM, SHA) for _ in range(2)]
    assert (again[0] == again[1]).all()
    others = (
        augmented_view(2, Policy(), 5).change(PHANTOM, SHA),
        augmented_view(1, Policy(), 6).change(PHANTOM, SHA),
        augmented_view(1, Policy(), 5).change(PHANTOM, "cd" * 32),
    )
    assert all((again[0] != other).any() for other in others)


def test_view_names_differ_wherever_views_differ() -> None:
    views = [
        CLEAN,
        augmented_view(1, Policy(), 0),
        augmented_view(2, Policy(), 0),
        augmented_view(1, Policy(), 1),
        augmented_view(1, Policy(jpeg=0.1), 0),
        *(shifted_view(name) for name in SHIFTS),
    ]
    assert len({view.name for view in views}) == len(views)


@pytest.mark.parametrize("name", SHIFTS)
def test_every_shift_changes_the_picture_and_nothing_about_its_form(name: str) -> None:
    shifted = shifted_view(name).change(PHANTOM, SHA)
    assert shifted.shape == PHANTOM.shape
    assert shifted.dtype == np.uint8
    assert (shifted != PHANTOM).any()


def test_goldens_are_drawn_the_same_every_time() -> None:
    assert (golden_images(64, 0) == golden_images(64, 0)).all()
    assert golden_images(64, 0).shape == (8, 64, 64)
