import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.core.holdback import hold_back

GROUPS = st.lists(st.integers(0, 200).map(str), min_size=2, max_size=200, unique=True)


def test_about_three_in_ten_are_held_back() -> None:
    groups = [str(number) for number in range(4000)]
    mask = hold_back(np.zeros(4000, np.int64), groups)
    assert 0.27 < mask.mean() < 0.33


@given(GROUPS)
def test_a_patient_is_wholly_in_or_wholly_out(groups: list[str]) -> None:
    twice = [*groups, *groups]
    mask = hold_back(np.zeros(len(twice), np.int64), twice)
    assert (mask[: len(groups)] == mask[len(groups) :]).all()
    assert mask.any()
    assert not mask.all() or len(groups) < 40


@given(GROUPS, GROUPS)
def test_what_was_learned_is_not_held_back_when_more_comes(
    first: list[str], second: list[str]
) -> None:
    both = [*first, *(name for name in second if name not in first)]
    before = dict(zip(first, hold_back(np.zeros(len(first), int), first), strict=True))
    after = dict(zip(both, hold_back(np.zeros(len(both), int), both), strict=True))
    if sum(before.values()) > 1:  # chance held some back: nobody was taken for want of others
        assert [name for name in first if after[name] and not before[name]] == []


def test_every_class_of_two_groups_has_one_held_back() -> None:
    groups = [str(number) for number in range(60)]
    labels = np.arange(60) // 2
    mask = hold_back(labels, groups)
    assert all(mask[labels == label].any() for label in range(30))


def test_a_lone_group_is_learned_unless_it_is_known_as_held_out() -> None:
    lone = next(str(n) for n in range(99) if not hold_back(np.zeros(1, int), [str(n)])[0])
    assert hold_back(np.zeros(1, int), [lone], {lone}).tolist() == [True]
