"""The rules as shipped, in less time: a test of hours in a minute, with every expression kept."""

import re
from dataclasses import dataclass

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_DURATION = r"(?:\d+(?:ms|[smhdw]))+"
_RANGE = re.compile(rf"\[({_DURATION})(?::({_DURATION}))?\]")
_PENDING = re.compile(rf"^(\s*for: )({_DURATION})$", re.MULTILINE)
_INTERVAL = re.compile(rf"^(\s*interval: )({_DURATION})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shortening:
    """By what times are divided, and below what none falls, milliseconds.

    least_range_ms: a range needs some scrapes in it, or a rate has nothing to go by.
    least_step_ms: of evaluation intervals and subqueries.
    """

    divisor: int
    least_range_ms: int
    least_step_ms: int


def shortened(rules: str, by: Shortening) -> str:
    """Give a rule file with `for:`, ranges, subqueries and intervals divided; nothing else differs.

    Names keep the window they were given: `…:ratio_rate5m` is what was five minutes. Thresholds
    stay as they are, so one that counts over a window asks for the same count in less time.
    """

    def span(match: re.Match[str]) -> str:
        range_ = _divided(match[1], by.divisor, by.least_range_ms)
        step = f":{_divided(match[2], by.divisor, by.least_step_ms)}" if match[2] else ""
        return f"[{range_}{step}]"

    def pending(match: re.Match[str]) -> str:
        return match[1] + _divided(match[2], by.divisor, 1)

    def interval(match: re.Match[str]) -> str:
        return match[1] + _divided(match[2], by.divisor, by.least_step_ms)

    return _INTERVAL.sub(interval, _PENDING.sub(pending, _RANGE.sub(span, rules)))


def milliseconds(duration: str) -> int:
    """Give the length of a PromQL duration, such as `1h30m`."""
    return sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(duration))


def _divided(duration: str, divisor: int, least_ms: int) -> str:
    return f"{max(milliseconds(duration) // divisor, least_ms)}ms"
