"""The shipped Prometheus rules with shorter times, so that a test of hours takes a minute."""

import re
from dataclasses import dataclass

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_DURATION = r"(?:\d+(?:ms|[smhdw]))+"
_RANGE = re.compile(rf"\[({_DURATION})(?::({_DURATION}))?\]")
_PENDING = re.compile(rf"^(\s*for: )({_DURATION})$", re.MULTILINE)
_INTERVAL = re.compile(rf"^(\s*interval: )({_DURATION})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TimeCompression:
    """By what times are divided, and their minima in milliseconds.

    min_range_ms: a rate needs some scrapes in its range. min_step_ms: of intervals and subqueries.
    """

    divisor: int
    min_range_ms: int
    min_step_ms: int


def compress_rules(rules: str, by: TimeCompression) -> str:
    """Return a rule file with `for:`, ranges, subqueries and intervals divided, nothing else.

    Names keep their window: `…:ratio_rate5m` was five minutes. Thresholds stay, so one that counts
    over a window requires the same count in less time.
    """

    def span(match: re.Match[str]) -> str:
        range_ = _divided(match[1], by.divisor, by.min_range_ms)
        step = f":{_divided(match[2], by.divisor, by.min_step_ms)}" if match[2] else ""
        return f"[{range_}{step}]"

    def pending(match: re.Match[str]) -> str:
        return match[1] + _divided(match[2], by.divisor, 1)

    def interval(match: re.Match[str]) -> str:
        return match[1] + _divided(match[2], by.divisor, by.min_step_ms)

    return _INTERVAL.sub(interval, _PENDING.sub(pending, _RANGE.sub(span, rules)))


def parse_duration_ms(duration: str) -> int:
    """Return the length of a PromQL duration such as `1h30m`."""
    return sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(duration))


def _divided(duration: str, divisor: int, min_ms: int) -> str:
    return f"{max(parse_duration_ms(duration) // divisor, min_ms)}ms"
