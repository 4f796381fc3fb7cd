"""The problems that were answered lately, one line a kind: codes and routes, no client's word."""

from collections import OrderedDict
from dataclasses import dataclass, replace

KINDS = 50
"""Kinds remembered; the one that was longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """Problems of one code on one route (its template). Times are unix ms."""

    code: str
    status: int
    route: str
    count: int
    first_at_ms: int
    last_at_ms: int


class RecentProblems:
    """Bounded, since codes and routes are; and bounded again, in case they were not."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, str], ProblemKind] = OrderedDict()

    def note(self, code: str, status: int, route: str, now_ms: int) -> None:
        """Count a problem that was answered."""
        key = code, route
        known = self._kinds.pop(key, None)
        if known is None:
            self._kinds[key] = ProblemKind(code, status, route, 1, now_ms, now_ms)
        else:
            self._kinds[key] = replace(known, count=known.count + 1, last_at_ms=now_ms)
        if len(self._kinds) > KINDS:
            self._kinds.popitem(last=False)

    def newest_first(self) -> tuple[ProblemKind, ...]:
        """Give every kind that is remembered."""
        return tuple(reversed(self._kinds.values()))
