"""What is still a dead letter after all that was noted about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.core.dead_letters import (
    DeadLetterEntry,
    LogPosition,
    Mark,
    Note,
    Selection,
    deletable,
    note_headers,
    parse_note,
    shelve,
)
from shared.contracts.dead_letters import Cause, DeadLetter
from shared.contracts.headers import RequestHeaders


def entry(id_: str, offset: int = 0, *, partition: int = 0, dead_at_ms: int = 1_000, **fields):
    request = RequestHeaders(id=id_, deadline_ms=5)
    cause = fields.get("cause", Cause.INFERENCE_FAILED)
    return DeadLetterEntry(
        LogPosition(partition, offset), DeadLetter(request, cause, "", (), dead_at_ms), 7
    )


def note(id_: str, mark: Mark, offset: int, new_id: str = "", partition: int = 0) -> Note:
    return Note(LogPosition(partition, offset), id_, mark, 2_000, new_id)


def test_a_redrive_is_remembered_and_a_purge_forgets():
    one, two = entry("a", 0), entry("b", 1, dead_at_ms=999)
    redriven = [note("a", Mark.REDRIVEN, 2, "n1"), note("a", Mark.REDRIVEN, 3, "n2")]
    assert shelve([one, two, *redriven]) == (two, replace(one, redriven_as=("n1", "n2")))
    assert shelve([one, two, *redriven, note("a", Mark.PURGED, 4)]) == (two,)


def test_a_dead_letter_told_twice_is_one_and_keeps_its_redrives():
    first = entry("a", 0)
    records = [first, note("a", Mark.REDRIVEN, 1, "n"), entry("a", 2)]
    assert shelve(records) == (replace(first, redriven_as=("n",)),)


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (Selection(), "abc"),
        (Selection(ids=("a", "c")), "ac"),
        (Selection(cause=Cause.WORKER_CRASHED), "b"),
        (Selection(since_ms=2), "bc"),
        (Selection(until_ms=2), "a"),
        (Selection(since_ms=2, until_ms=3), "b"),
        (Selection(ids=("a",), since_ms=2), ""),
    ],
)
def test_a_selection_means_what_fits_every_field(selection, ids):
    letters = [
        entry("a", dead_at_ms=1),
        entry("b", dead_at_ms=2, cause=Cause.WORKER_CRASHED),
        entry("c", dead_at_ms=3),
    ]
    assert "".join(one.id for one in letters if selection.fits(one)) == ids


@pytest.mark.parametrize("mark", Mark)
def test_a_note_comes_back_as_it_was_written(mark):
    headers = note_headers(mark, 5, "new")
    assert parse_note(LogPosition(1, 2), b"a", headers) == Note(
        LogPosition(1, 2), "a", mark, 5, "new"
    )


def test_what_is_no_note_is_none_and_a_foreign_one_is_refused():
    assert parse_note(LogPosition(0, 0), b"a", entry("a").letter.to_kafka()) is None
    with pytest.raises(ValueError, match="eaten"):
        parse_note(LogPosition(0, 0), b"a", [("note", b"eaten"), ("at", b"1")])


def test_the_front_is_deletable_up_to_the_first_that_is_kept():
    records = [
        entry("a", 10),
        entry("b", 11),
        note("a", Mark.PURGED, 12),
        entry("c", 3, partition=1),
        note("c", Mark.PURGED, 4, partition=1),
    ]
    assert deletable(records) == {0: 11, 1: 5}


RECORDS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["letter", *Mark])))


@given(RECORDS)
def test_nothing_that_is_kept_is_ever_deletable(kinds):
    records = [
        entry(id_, n) if kind == "letter" else note(id_, kind, n, "n")
        for n, (id_, kind) in enumerate(kinds)
    ]
    bound = deletable(records).get(0, 0)
    kept = shelve(records)
    assert all(one.place.offset >= bound for one in kept)
    # What is read after the deletion tells the same.
    assert shelve(records[bound:]) == kept
