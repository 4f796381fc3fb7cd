"""What the last owner's commit says, as tables and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_worker.core.handovers import (
    CLEAN,
    MAX_CAREFUL,
    Committed,
    Zone,
    decide_zone,
    is_orderly,
    new_mark,
    trying,
)

MINE = new_mark("worker-0", "life-2")
DEAD = new_mark("worker-0", "life-1")  # the same worker before its restart
WORDS = st.sampled_from(["", CLEAN, MINE, DEAD, "trying", trying(MINE), trying(DEAD), "foreign"])


@pytest.mark.parametrize(
    ("metadata", "zone"),
    [
        (CLEAN, None),
        (MINE, None),  # I owned it last, and I live
        (DEAD, Zone(10, 30)),
        ("", Zone(10, 30)),
        ("set by a foreign tool", Zone(10, 30)),
        (trying(MINE), Zone(10, 30)),
        (trying(DEAD), Zone(10, 30, condemned=10, tried_mark=DEAD)),
        ("trying", Zone(10, 30, condemned=10)),
    ],
)
def test_the_metadata_tells_how_the_last_owner_ended(metadata, zone):
    assert decide_zone(Committed(10, metadata), MINE, beginning=0, end=30) == zone


@pytest.mark.parametrize(
    ("committed", "beginning", "end", "zone"),
    [
        (Committed(-1, ""), 0, 0, None),  # a new group, nothing there
        (Committed(-1, ""), 5, 9, Zone(5, 9)),  # or its first owner died before it committed
        (Committed(10, DEAD), 0, 10, None),  # it had answered everything
        (Committed(10, DEAD), 0, 500, Zone(10, 10 + MAX_CAREFUL)),
        (Committed(10, DEAD), 100, 105, Zone(10, 105)),  # retention took some: to be noticed
        (Committed(10, DEAD), 100, 100, None),
        (Committed(10, trying(DEAD)), 100, 105, Zone(10, 105, condemned=10, tried_mark=DEAD)),
    ],
)
def test_the_zone_is_what_may_have_been_in_dead_hands(committed, beginning, end, zone):
    assert decide_zone(committed, MINE, beginning=beginning, end=end) == zone


@given(WORDS, st.integers(-1, 500), st.integers(0, 500), st.integers(0, 500))
def test_care_is_bounded_and_never_where_nobody_died(metadata, offset, beginning, held):
    committed = Committed(offset, metadata)
    zone = decide_zone(committed, MINE, beginning=beginning, end=beginning + held)
    if is_orderly(committed, MINE):
        assert zone is None
    if zone is not None:
        held_from = max(beginning, zone.start)
        assert held_from < zone.until <= beginning + held
        assert zone.until - held_from <= MAX_CAREFUL
        assert zone.start == (offset if offset >= 0 else beginning)
        # Nothing is condemned but what the dead said it was trying.
        assert (zone.condemned is not None) == (metadata in ("trying", trying(DEAD)))
