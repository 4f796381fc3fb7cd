"""Spans of time as people type them: 90s, 10m, 2h, 7d."""

import re

_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN = re.compile(r"(\d{1,9})([smhd])")


def parse_span_ms(text: str) -> int:
    """Read a whole number with a unit; milliseconds. Raises ValueError, with a sentence."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no span of time: say 90s, 10m, 2h or 7d")
    return int(found[1]) * _UNIT_MS[found[2]]
