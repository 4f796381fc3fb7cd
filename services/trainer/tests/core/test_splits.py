import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.core.dataset import Example, TooFewError
from trainer.core.splits import fold_patients, split_patients

patients = st.dictionaries(
    st.integers(0, 200).map(lambda n: f"p{n}"),
    st.lists(st.integers(0, 2), min_size=1, max_size=6),
    min_size=1,
    max_size=60,
)


def examples_of(drawn: dict[str, list[int]]) -> list[Example]:
    return [
        Example(f"{patient}-{n}", f"{patient}-{n}", label, patient)
        for patient, labels in drawn.items()
        for n, label in enumerate(labels)
    ]


@settings(deadline=None)
@given(patients, st.floats(0.05, 0.5), st.integers(0, 99))
def test_no_patient_is_ever_on_both_sides(
    drawn: dict[str, list[int]], share: float, seed: int
) -> None:
    examples = examples_of(drawn)
    kept = split_patients(examples, share=share, seed=seed)
    inside = {e.patient for e, k in zip(examples, kept, strict=True) if k}
    outside = {e.patient for e, k in zip(examples, kept, strict=True) if not k}
    assert not inside & outside


@settings(deadline=None)
@given(patients, st.integers(0, 99))
def test_the_draw_does_not_depend_on_the_order_of_the_files(
    drawn: dict[str, list[int]], seed: int
) -> None:
    examples = examples_of(drawn)
    shuffled = sorted(examples, key=lambda e: e.name[::-1])
    there = dict(zip(examples, split_patients(examples, share=0.2, seed=seed), strict=True))
    here = dict(zip(shuffled, split_patients(shuffled, share=0.2, seed=seed), strict=True))
    assert there == here


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 99))
def test_every_class_with_two_patients_is_on_both_sides(well: int, ill: int, seed: int) -> None:
    examples = [Example(f"w{n}", f"w{n}", 0, f"w{n}") for n in range(well)]
    examples += [Example(f"i{n}", f"i{n}", 1, f"i{n}") for n in range(ill)]
    kept = split_patients(examples, share=0.15, seed=seed)
    for label in (0, 1):
        sides = {bool(k) for e, k in zip(examples, kept, strict=True) if e.label == label}
        assert sides == {True, False}


def test_the_share_of_every_class_is_kept() -> None:
    examples = [
        Example(f"{label}-{n}", f"{label}-{n}", label, f"{label}-{n // 3}")
        for label, size in ((0, 300), (1, 900))
        for n in range(size)
    ]
    kept = split_patients(examples, share=0.2, seed=3)
    for label, size in ((0, 300), (1, 900)):
        got = sum(k for e, k in zip(examples, kept, strict=True) if e.label == label)
        assert abs(got / size - 0.2) < 0.01


def test_another_seed_draws_other_patients() -> None:
    examples = [Example(f"{n}", f"{n}", 0, f"{n}") for n in range(50)]
    first, second = (split_patients(examples, share=0.3, seed=seed) for seed in (0, 1))
    assert (first != second).any()


def test_the_only_patient_of_a_class_is_learned_from() -> None:
    examples = [Example(f"{n}", f"{n}", 0, "the only one") for n in range(5)]
    assert not split_patients(examples, share=0.5, seed=0).any()


def test_folds_share_every_kind_of_patient_out_evenly() -> None:
    rng = np.random.default_rng(0)
    examples = [
        Example(f"{p}-{n}", f"{p:032}{n:032}", label, f"p{p}")
        for p in range(60)
        for n in range(int(rng.integers(1, 6)))
        for label in [p % 3 if p < 45 else n % 2]
    ]
    folds = fold_patients(examples, folds=4, seed=7)
    where = {(e.patient, int(fold)) for e, fold in zip(examples, folds, strict=True)}
    assert len(where) == 60
    sizes = np.bincount(folds, minlength=4)
    assert sizes.max() - sizes.min() <= 10
    for place in range(4):
        held = {e.label for e, fold in zip(examples, folds, strict=True) if fold == place}
        assert held == {0, 1, 2}
    assert (folds == fold_patients(examples, folds=4, seed=7)).all()
    assert (folds != fold_patients(examples, folds=4, seed=8)).any()


def test_more_folds_than_patients_are_refused() -> None:
    examples = [Example(str(n), f"{n:064}", n % 2, f"p{n}") for n in range(5)]
    with pytest.raises(TooFewError, match="3 folds need 3 patients of every class, not 2"):
        fold_patients(examples, folds=3, seed=0)


def test_folds_are_even_in_pictures_where_patients_are_not() -> None:
    sizes = [9] + [1] * 9
    examples = [
        Example(f"{p}-{n}", f"{p}-{n}", 0, f"{p}") for p, c in enumerate(sizes) for n in range(c)
    ]
    assert np.bincount(fold_patients(examples, folds=2, seed=0)).tolist() == [9, 9]
