"""A client's preferences: `Prefer: respond-async` (RFC 7240), `?explain=cam`, `?preview=png`."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.predict import CAM

PREVIEW = "png"
"""The only form of a preview."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """respond_async: answer 202 at once. wait_s: seconds the client waits for the outcome.

    explain: the kind of explanation, or None. has_preview: whether the response to a DICOM file
    has a small image of it.
    """

    respond_async: bool
    wait_s: float
    explain: str | None = None
    has_preview: bool = False


def parse_prefer(header: str | None, *, default_wait_s: float, max_wait_s: float) -> Preferences:
    """Read the header; unknown preferences are ignored, as the RFC asks.

    Raises ValueError if `wait` is not a number of seconds above zero.
    """
    respond_async, wait_s = False, default_wait_s
    for part in (header or "").split(","):
        name, _, value = part.partition(";")[0].strip().partition("=")
        if name.strip().lower() == "respond-async":
            respond_async = True
        elif name.strip().lower() == "wait":
            wait_s = _seconds(value.strip().strip('"'))
    return Preferences(respond_async, min(wait_s, max_wait_s))


def parse_explain(values: Sequence[str]) -> str | None:
    """Read the values of the query's `explain`; None: no explanation is asked for.

    Raises ValueError on any value but `cam`.
    """
    if any(value != CAM for value in values):
        raise ValueError(f"The only value of explain is {CAM}.")
    return CAM if values else None


def parse_preview(values: Sequence[str]) -> bool:
    """Return whether the query's `preview` asks for one. Raises ValueError on any value but png."""
    if any(value != PREVIEW for value in values):
        raise ValueError(f"The only value of preview is {PREVIEW}.")
    return bool(values)


def _seconds(value: str) -> float:
    seconds = float(value) if value.replace(".", "", 1).isdecimal() else 0.0
    if seconds <= 0:
        raise ValueError("Prefer: wait= needs a number of seconds above zero.")
    return seconds
