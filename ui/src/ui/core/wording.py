"""Numbers and moments as people read them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
MISSING = "–"
_NO_BREAK = "\u00a0"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def percent(share: float | None, digits: int = 1) -> str:
    """Give a share as a percentage."""
    return MISSING if share is None else f"{100 * share:.{digits}f} %"


def figure(value: float | None, digits: int = 3) -> str:
    """Give a figure of merit."""
    return MISSING if value is None else f"{_rounded(value, digits):.{digits}f}".replace("-", "−")


def change(value: float | None, digits: int = 3) -> str:
    """Give a difference with its sign."""
    return MISSING if value is None else f"{_rounded(value, digits):+.{digits}f}".replace("-", "−")


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # -0.0 becomes 0.0


def span(seconds: float | None) -> str:
    """Give a span in its two largest units."""
    if seconds is None:
        return MISSING
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(at: datetime | None) -> str:
    """Give a moment, in UTC.

    No-break spaces keep date and time whole, so that it fills at most two lines of a table's cell.
    """
    if at is None:
        return MISSING
    utc = at.astimezone(UTC)
    date = f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}"
    return " ".join(part.replace(" ", _NO_BREAK) for part in (date, f"{utc:%H:%M:%S} UTC"))


def moment_of_ms(at_ms: int | None) -> str:
    """Give a moment that came as unix milliseconds."""
    return MISSING if at_ms is None else moment(datetime.fromtimestamp(at_ms / 1000, UTC))


def moment_of_iso(text: str | None) -> str:
    """Give a moment that came as ISO 8601."""
    if text is None:
        return MISSING
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def number(count: int | None) -> str:
    """Give a count with thousands separators."""
    return MISSING if count is None else f"{count:,}"


def class_rows(names: Sequence[str], counts: Sequence[int]) -> list[Mapping[str, str]]:
    """Give the count of each class."""
    return [{"Class": n, "Images": number(c)} for n, c in zip(names, counts, strict=True)]


def count_of(count: int, one: str, many: str | None = None) -> str:
    """Give a number with its noun."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """Join words as a sentence does."""
    if len(words) < 2:  # noqa: PLR2004  with one there is nothing to join
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def spoken(name: str) -> str:
    """Give the name of a figure or a check in words."""
    return name.replace("_", " ")
