"""Range headers, as RFC 9110 has them."""

import pytest

from registry.http.byte_ranges import BehindEnd, ByteRange, choose_bytes


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, 99),
        ("bytes=99-", 99, 99),
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=10-1000", 10, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-100", 0, 99),
        ("bytes=-1000", 0, 99),
        ("Bytes= 007-8 ", 7, 8),
    ],
)
def test_one_range_is_cut_to_the_file(asked: str, first: int, last: int) -> None:
    chosen = choose_bytes(asked, 100)
    assert chosen == ByteRange(first, last)
    assert chosen.size_bytes == last - first + 1


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=2-1",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=1 -2",
        "bytes=0-1,5-6",
        "bytes=0-,",
        "lines=0-1",
        "bytes=0-1\n",
        "bytes=\u0661-",
        f"bytes={'9' * 5000}-",
    ],
)
def test_what_is_no_single_range_means_the_whole_file(asked: str | None) -> None:
    assert choose_bytes(asked, 100) is None


@pytest.mark.parametrize(
    ("asked", "size_bytes"),
    [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0)],
)
def test_bytes_behind_the_end_are_not_there(asked: str, size_bytes: int) -> None:
    assert choose_bytes(asked, size_bytes) == BehindEnd()


def test_the_last_bytes_of_nothing_are_all_there_is() -> None:
    assert choose_bytes("bytes=-5", 0) is None
