import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.core.augmentation import Policy, augmented_view
from trainer.core.corruptions import FAMILIES, corrupted_view, swapped_view
from trainer.core.phantoms import draw_phantom, golden_images
from trainer.core.strangers import MAKERS
from trainer.core.views import CLEAN

RNG = np.random.default_rng(0)
PHANTOM, OTHER = (draw_phantom(RNG, opacity=0.2, patches=n, size_px=96) for n in (2, 0))
DONORS = (PHANTOM, OTHER)
SHA, OTHER_SHA = "ab" * 32, "cd" * 32
ALWAYS = Policy(
    match=1, sharpness=1, intensity=1, overlay=1, cover=1, noise=1, dots=1, jpeg=1, border=1
)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([Policy(), ALWAYS]))
def test_every_view_keeps_size_and_type(seed: int, policy: Policy) -> None:
    view = augmented_view(1, policy, seed, DONORS).change(PHANTOM, SHA)
    assert view.shape == PHANTOM.shape
    assert view.dtype == np.uint8


def test_a_view_depends_on_seed_number_and_picture_alone() -> None:
    again = [augmented_view(1, Policy(), 5, DONORS).change(PHANTOM, SHA) for _ in range(2)]
    assert (again[0] == again[1]).all()
    others = (
        augmented_view(2, Policy(), 5, DONORS).change(PHANTOM, SHA),
        augmented_view(1, Policy(), 6, DONORS).change(PHANTOM, SHA),
        augmented_view(1, Policy(), 5, DONORS).change(PHANTOM, OTHER_SHA),
    )
    assert all((again[0] != other).any() for other in others)


def test_view_names_differ_wherever_views_differ() -> None:
    views = [
        CLEAN,
        augmented_view(1, Policy(), 0, DONORS),
        augmented_view(2, Policy(), 0, DONORS),
        augmented_view(1, Policy(), 1, DONORS),
        augmented_view(1, Policy(jpeg=0.1), 0, DONORS),
        *(corrupted_view(name) for name in FAMILIES),
    ]
    assert len({view.name for view in views}) == len(views)


@pytest.mark.parametrize("sha256", ["ab" * 32, "00" * 32, "0123456789abcdef00000001" + "0" * 40])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_corruption_changes_the_picture_and_nothing_about_its_form(
    name: str, sha256: str
) -> None:
    corrupted = corrupted_view(name).change(PHANTOM, sha256)
    assert corrupted.shape == PHANTOM.shape
    assert corrupted.dtype == np.uint8
    assert (corrupted != PHANTOM).any()


def test_a_swapped_picture_has_the_greys_of_the_other_side() -> None:
    dark = (PHANTOM // 3).astype(np.uint8)
    view = swapped_view([(SHA, PHANTOM)], [(OTHER_SHA, dark)])
    assert view.change(PHANTOM, SHA).mean() < PHANTOM.mean()
    assert view.change(dark, OTHER_SHA).mean() > dark.mean()


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("side", [96, 90])
def test_a_stranger_is_another_picture_of_the_same_form(make, side: int) -> None:
    chest = np.ascontiguousarray(PHANTOM[:side, :side])
    made = make(chest, np.random.default_rng(1))
    assert made.shape == chest.shape
    assert made.dtype == np.uint8
    assert (made != chest).any()


def test_goldens_are_drawn_the_same_every_time() -> None:
    assert (golden_images(64, 0) == golden_images(64, 0)).all()
    assert golden_images(64, 0).shape == (8, 64, 64)
