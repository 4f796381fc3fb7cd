"""The story of an audit: requests first, then what became of them."""

import asyncio
from dataclasses import dataclass, field

from operations.core.audit import Accepted, Report, Seen, Told, Window, audit
from operations.ports import Log
from shared.clock import Clock

_LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class Auditor:
    """Reads the topics on from where it was, and judges all that it has seen.

    It keeps an id and a few numbers of each record, no image. grace_ms: see core.audit.Window.
    """

    requests: Log[Accepted]
    entries: Log[Accepted]
    results: Log[Told]
    dead_letters: Log[str]
    clock: Clock
    since_ms: int
    grace_ms: int
    _accepted: list[Accepted] = field(default_factory=list)
    _told: list[Told] = field(default_factory=list)
    _dead: list[str] = field(default_factory=list)

    async def look(self) -> Report:
        """Read what is new and judge. Raises TopicUnreadableError."""
        # Requests first: the outcome of whatever is read here is on its topic before the second
        # reading ends, or it is pending.
        self._accepted += await self.requests.read() + await self.entries.read()
        now_ms = self.clock.now_ms()
        self._dead += await self.dead_letters.read()
        self._told += await self.results.read()
        unreadable = sum(log.unreadable for log in (self.requests, self.entries, self.results))
        seen = Seen(self._accepted, self._told, self._dead, unreadable, self.requests.cut_ms)
        return audit(seen, Window(self.since_ms, now_ms, self.grace_ms))

    async def look_until_settled(self) -> Report:
        """Look again until nothing is pending: what is not answered when it is due is lost."""
        while True:
            report = await self.look()
            if not report.pending:
                return report
            await asyncio.sleep(_LOOK_EVERY_S)

    async def follow(self, for_s: float) -> None:
        """Read on for so long, so that nothing is missed that the topics drop meanwhile."""
        end_s = self.clock.monotonic_s() + for_s
        while (left_s := end_s - self.clock.monotonic_s()) > 0:
            self._accepted += await self.requests.read() + await self.entries.read()
            self._dead += await self.dead_letters.read()
            self._told += await self.results.read()
            await asyncio.sleep(min(_LOOK_EVERY_S, left_s))
