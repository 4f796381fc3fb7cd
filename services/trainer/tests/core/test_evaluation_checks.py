"""Shift, looks, class maps and strangers: each where the truth is known."""

import numpy as np
import pytest

from trainer.core.arrays import Floats
from trainer.core.evaluation_looks import MEASURES, cluster_looks, look_of, series_of
from trainer.core.evaluation_saliency import (
    hidden,
    hottest_quarter,
    likeness,
    maps_of,
    masking,
    moved,
    scattered,
)
from trainer.core.evaluation_shift import Side, shifts
from trainer.core.evaluation_strangers import draw_blanks, draw_text_page, judge_strangers


def side(shift: float, seed: int, count: int = 120) -> Side:
    rng = np.random.default_rng(seed)
    features = rng.normal(shift, 1, (count, 6)).astype(np.float32)
    return Side(features, np.arange(count) % 2, tuple(f"p{i // 2}" for i in range(count)))


def test_folders_that_differ_are_told_apart_and_like_ones_are_not() -> None:
    far = shifts(side(0, 1), side(2, 2), ("a", "b"))
    near = shifts(side(0, 1), side(0, 2), ("a", "b"))
    assert [one.name for one in far] == ["a", "b", "two halves of the training folder"]
    assert min(one.auc for one in far[:2]) > 0.95
    assert max(abs(one.auc - 0.5) for one in (*near, far[2])) < 0.2


def test_the_mixture_of_classes_is_no_shift() -> None:
    rng = np.random.default_rng(0)
    labels = [np.repeat([0, 1], pair) for pair in ((150, 50), (50, 150))]
    sides = [
        Side(
            (rng.normal(0, 1, (200, 4)) + 3 * one[:, None]).astype(np.float32),
            one,
            tuple(f"{i}" for i in range(200)),
        )
        for one in labels
    ]
    assert max(one.auc for one in shifts(*sides, ("a", "b"))) < 0.65


def test_one_patients_pictures_do_not_give_the_folder_away() -> None:
    # Ten pictures of a patient, alike: only a classifier that saw the patient could know the side.
    rng = np.random.default_rng(3)
    sides = []
    for _ in range(2):
        patients = np.repeat(np.arange(12), 10)
        features = rng.normal(0, 1, (12, 8))[patients]
        sides.append(Side(features.astype(np.float32), patients * 0, tuple(map(str, patients))))
    (told, _) = shifts(*sides, ("a",))
    assert told.auc < 0.75


def test_a_look_is_measured() -> None:
    dark, bright = (np.full((32, 32), level, np.uint8) for level in (0, 200))
    assert dict(zip(MEASURES, look_of(dark).tolist(), strict=True)) == {
        "mean grey": 0,
        "spread of grey": 0,
        "share of black": 1,
        "edge density": 0,
        "log sharpness": 0,
    }
    assert look_of(bright)[0] == 200


def test_looks_are_grouped_darkest_first() -> None:
    rng = np.random.default_rng(0)
    looks = np.concatenate([rng.normal(level, 1, (20, 5)) for level in (100, 10)])
    groups, middles = cluster_looks(looks.astype(np.float32), 2)
    assert groups.tolist() == [1] * 20 + [0] * 20
    assert middles[0].look[0] == pytest.approx(10, abs=1)


def test_series_are_read_off_names() -> None:
    names = ("NORMAL/IM-0001-0001.jpeg", "NORMAL/NORMAL2-IM-0059-0001.jpeg")
    assert series_of((*names, "PNEUMONIA/person1_virus_6.jpeg", "a/17.png")) == (
        "IM",
        "NORMAL2-IM",
        "person",
        "unnamed",
    )


def cells(count: int = 3) -> Floats:
    return np.random.default_rng(0).random((count, 8, 8)).astype(np.float32)


def test_the_answers_own_map_is_taken() -> None:
    cam = np.stack([np.full((2, 4, 4), value) for value in (1, 2, 3)], axis=-1)
    maps = maps_of(cam, np.array([2, 0]))
    assert (maps[0] == 3).all()
    assert (maps[1] == 1).all()


def test_a_quarter_of_the_cells_is_marked_and_they_are_the_hottest() -> None:
    maps = cells()
    marked = hottest_quarter(maps)
    assert marked.sum(axis=(1, 2)).tolist() == [16] * 3
    for one, mask in zip(maps, marked, strict=True):
        assert one[mask].min() > one[~mask].max()


@pytest.mark.parametrize("change", [moved, scattered])
def test_masks_elsewhere_are_as_large_and_repeat_by_seed(change) -> None:
    marked = hottest_quarter(cells())
    there = change(marked, 1)
    assert (there.sum(axis=(1, 2)) == 16).all()
    assert (there != marked).any()
    assert (there == change(marked, 1)).all()


def test_hidden_cells_turn_to_the_mean_grey_and_others_stay() -> None:
    inputs = np.ones((1, 8, 8, 1), np.float32)
    mask = np.zeros((1, 4, 4), np.bool_)
    mask[0, 0, 1] = True
    made = hidden(inputs, mask)
    assert made[0, :2, 2:4, 0] == pytest.approx(118 / 127.5 - 1)
    assert (made == 1).sum() == 60


def test_masking_counts_falls() -> None:
    whole, hot = np.array([5.0, 5.0]), np.array([1.0, 4.0])
    elsewhere, chance = np.array([4.0, 3.0]), np.array([4.5, 4.5])
    found = masking(whole, hot, elsewhere, chance)
    assert (found.hottest, found.elsewhere, found.scattered) == (2.5, 1.5, 0.5)
    assert (found.hottest_beats_elsewhere, found.hottest_beats_scattered) == (0.5, 1.0)


def test_likeness_is_one_to_oneself_and_near_none_to_noise() -> None:
    maps = np.random.default_rng(0).random((20, 14, 14)).astype(np.float32)
    noise = np.random.default_rng(1).random((20, 14, 14)).astype(np.float32)
    assert likeness("itself", maps, 3 * maps + 1).median == pytest.approx(1, abs=1e-5)
    assert abs(likeness("noise", maps, noise).median) < 0.1
    assert likeness("flat", maps, np.zeros_like(maps)).median == 0


def test_strangers_are_judged_by_the_stranger_of_the_two_looks() -> None:
    usual = np.array([[-1, -1], [-0.5, -2]], np.float32)
    strange = np.array([[3, -5], [-5, 2], [-3, -3]], np.float32)
    found = judge_strangers("photographs", usual, strange)
    assert found.flagged == pytest.approx(2 / 3)
    assert found.auroc == pytest.approx(4 / 6)
    assert found.pictures == 3


def test_blanks_run_from_black_to_white() -> None:
    blanks = draw_blanks(8, 3)
    assert [int(one[0, 0]) for one in blanks] == [0, 128, 255]
    assert all(one.std() == 0 for one in blanks)


def test_a_page_of_text_is_light_with_dark_on_it() -> None:
    page = draw_text_page(224, np.random.default_rng(0))
    assert page.shape == (224, 224)
    assert np.median(page) > 200
    assert 0.02 < (page < 120).mean() < 0.4
