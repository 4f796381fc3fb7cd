"""Recent problem responses, counted by code and route; they contain no client data."""

from collections import OrderedDict
from dataclasses import dataclass, replace

KINDS = 50
"""Maximum number of kinds; the least recent one is dropped first."""


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
    """Bounded by the number of codes and routes, and by KINDS."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, str], ProblemKind] = OrderedDict()

    def note(self, code: str, status: int, route: str, now_ms: int) -> None:
        """Count a problem response."""
        key = code, route
        known = self._kinds.pop(key, None)
        if known is None:
            self._kinds[key] = ProblemKind(code, status, route, 1, now_ms, now_ms)
        else:
            self._kinds[key] = replace(known, count=known.count + 1, last_at_ms=now_ms)
        if len(self._kinds) > KINDS:
            self._kinds.popitem(last=False)

    def newest_first(self) -> tuple[ProblemKind, ...]:
        """Return every kind, newest first."""
        return tuple(reversed(self._kinds.values()))
