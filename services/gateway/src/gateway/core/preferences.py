"""What a client prefers: RFC 7240, `Prefer: respond-async, wait=10`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preferences:
    """respond_async: answer 202 at once. wait_s: seconds the client waits for the outcome."""

    respond_async: bool
    wait_s: float


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


def _seconds(value: str) -> float:
    seconds = float(value) if value.replace(".", "", 1).isdecimal() else 0.0
    if seconds <= 0:
        raise ValueError("Prefer: wait= needs a number of seconds above zero.")
    return seconds
