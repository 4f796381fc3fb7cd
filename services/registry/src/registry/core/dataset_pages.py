"""Which images a list holds, and where its pages begin."""

from dataclasses import dataclass

from shared.contracts.dataset import DatasetImage


@dataclass(frozen=True, slots=True)
class DatasetFilter:
    """Every condition that is given must hold."""

    label: str | None = None
    source: str | None = None
    upload_id: str | None = None
    only_conflicts: bool = False


@dataclass(frozen=True, slots=True)
class PagePlace:
    """The last image of a page; the next page begins behind it, also when it was deleted."""

    created_at_ms: int
    sha256: str


def parse_cursor(cursor: str) -> PagePlace:
    """Read what `format_cursor` wrote; its pattern was checked."""
    at_ms, _, sha256 = cursor.partition("-")
    return PagePlace(int(at_ms), sha256)


def format_cursor(last: DatasetImage) -> str:
    """Return the cursor of the page behind this image."""
    return f"{last.created_at_ms}-{last.sha256}"
