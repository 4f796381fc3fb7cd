"""The stories of the dead letters: listed, shown, redriven, purged."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operations.core.audit import Told
from operations.core.dead_letters import DeadLetterEntry, Mark, Note, Selection, deletable, shelve
from operations.ports import DeadLetters, Letter, Log, Requests
from shared.clock import Clock
from shared.contracts.dead_letters import IMAGE
from shared.contracts.headers import RequestHeaders

_LOOK_EVERY_S = 0.2


class UnknownDeadLetterError(Exception):
    """No dead letter has this id: it never was one, was purged, or is past its retention."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"there is no dead letter {id_}")


class ImagelessError(Exception):
    """A dead letter whose image did not fit on the topic cannot be redriven."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"dead letter {id_} has no image: it was larger than the broker takes")


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one dead letter. new_id None: refused, it was redriven already.

    outcome None: refused, or none in time.
    """

    old_id: str
    new_id: str | None
    outcome: Told | None
    earlier: tuple[str, ...] = ()


@dataclass(slots=True)
class DeadLetterDesk:
    """What an operator does with `predict.dlq`. log: from its beginning. results: from now on."""

    log: Log[DeadLetterEntry | Note]
    letters: DeadLetters
    requests: Requests
    results: Log[Told]
    clock: Clock
    new_id: Callable[[], str]

    async def select(self, selection: Selection) -> tuple[DeadLetterEntry, ...]:
        """Give what is meant, oldest first.

        Raises UnknownDeadLetterError if an id that was named is not there.
        """
        entries = shelve(await self.log.read())
        known = {entry.id for entry in entries}
        for id_ in selection.ids:
            if id_ not in known:
                raise UnknownDeadLetterError(id_)
        return tuple(entry for entry in entries if selection.fits(entry))

    async def show(self, id_: str) -> tuple[DeadLetterEntry, Letter]:
        """Give one dead letter whole. Raises UnknownDeadLetterError."""
        (entry,) = await self.select(Selection(ids=(id_,)))
        return entry, await self.letters.fetch(entry.place)

    async def redrive(
        self, entries: Sequence[DeadLetterEntry], *, wait_ms: int, again: bool
    ) -> list[Redriven]:
        """Make a new request of each dead letter and wait for what it is told.

        One that was redriven before is refused unless `again`.
        Raises ImagelessError before any is made, if one of them has no image.
        """
        for entry in entries:
            if IMAGE in entry.letter.omitted:
                raise ImagelessError(entry.id)
        sent: dict[str, DeadLetterEntry] = {}
        refused = [e for e in entries if e.redriven_as and not again]
        for entry in entries:
            if entry not in refused:
                sent[await self._send(entry, wait_ms)] = entry
        outcomes = await self._await_outcomes(set(sent), wait_ms)
        return [
            *(Redriven(e.id, None, None, e.redriven_as) for e in refused),
            *(Redriven(e.id, new, outcomes.get(new), e.redriven_as) for new, e in sent.items()),
        ]

    async def _send(self, entry: DeadLetterEntry, wait_ms: int) -> str:
        letter = await self.letters.fetch(entry.place)
        new_id, now_ms = self.new_id(), self.clock.now_ms()
        # Noted before it is sent: broken off in between, it is refused the next time, and not
        # made twice without anybody knowing.
        await self.letters.note(entry.id, Mark.REDRIVEN, now_ms, new_id)
        request = RequestHeaders(
            id=new_id,
            deadline_ms=now_ms + wait_ms,
            content_type=letter.letter.request.content_type,
            redrive_of=entry.id,
            explain=letter.letter.request.explain,
            warnings=letter.letter.request.warnings,
        )
        await self.requests.publish(request, letter.image)
        return new_id

    async def _await_outcomes(self, ids: set[str], wait_ms: int) -> dict[str, Told]:
        found: dict[str, Told] = {}
        end_s = self.clock.monotonic_s() + wait_ms / 1e3
        while ids - found.keys() and self.clock.monotonic_s() < end_s:
            for told in await self.results.read():
                if told.id in ids:
                    found.setdefault(told.id, told)
            await asyncio.sleep(_LOOK_EVERY_S)
        return found

    async def purge(self, entries: Sequence[DeadLetterEntry]) -> None:
        """Have these listed, shown and redriven no more; delete what lies before all that is kept.

        What lies behind a kept one is deleted with it, or at the end of its retention.
        """
        for entry in entries:
            await self.letters.note(entry.id, Mark.PURGED, self.clock.now_ms())

    async def trim(self, everything: Log[DeadLetterEntry | Note]) -> None:
        """Delete the front of each partition, up to the first dead letter that is kept."""
        offsets = deletable(await everything.read())
        if offsets:
            await self.letters.delete_before(offsets)
