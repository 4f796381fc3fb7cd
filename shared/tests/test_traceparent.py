"""What is taken for a trace's header, and what is not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observability.traceparent import parse_traceparent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{PARENT}-01"
FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (GIVEN, GIVEN),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"cc-{TRACE}-{PARENT}-ff", GIVEN),
        (f"01-{TRACE}-{PARENT}-02-what-comes\nlater", f"00-{TRACE}-{PARENT}-00"),
        (f"cc-{TRACE}-{PARENT}-01.later", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"{GIVEN}-more", None),
        (f"{GIVEN}-", None),
        (f"{GIVEN}\n", None),
        (f" {GIVEN}", None),
        (GIVEN.upper(), None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE[:-1]}٣-{PARENT}-01", None),
        ("", None),
    ],
)
def test_a_traceparent_is_read_as_the_specification_says(value, expected):
    assert parse_traceparent([value]) == expected


def test_none_and_several_are_none():
    assert parse_traceparent([]) is None
    assert parse_traceparent([GIVEN, GIVEN]) is None


@given(st.lists(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.*")))
def test_whatever_comes_what_is_kept_has_the_form_of_version_00(values):
    kept = parse_traceparent(values)
    assert kept is None or FORM.fullmatch(kept)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_every_valid_one_of_version_00_is_kept_as_it_is(trace, parent, flags):
    value = f"00-{trace:032x}-{parent:016x}-{flags:02x}"
    assert parse_traceparent([value]) == value
