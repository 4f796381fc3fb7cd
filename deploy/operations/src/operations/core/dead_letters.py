"""What lies in `predict.dlq`, and what operators have noted about it there.

A note is a record under the dead letter's id without a value: `redriven` or `purged`. Kafka deletes
only from the front of a partition, so a purge first notes, and the front goes when it may.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.contracts.dead_letters import Cause, DeadLetter
from shared.contracts.headers import RawHeaders


class Mark(StrEnum):
    """What was done to a dead letter."""

    REDRIVEN = "redriven"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where a record lies."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class DeadLetterEntry:
    """A dead letter; its image and its stack stay in the topic. redriven_as: ids, oldest first."""

    place: LogPosition
    letter: DeadLetter
    size_bytes: int
    redriven_as: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the request that was given up."""
        return self.letter.request.id


@dataclass(frozen=True, slots=True)
class Note:
    """One act of an operator. new_id: of the request that a redrive made; at_ms: unix ms."""

    place: LogPosition
    id: str
    mark: Mark
    at_ms: int
    new_id: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant: all that fit every field given. Moments: unix ms."""

    ids: Collection[str] = ()
    cause: Cause | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def fits(self, entry: DeadLetterEntry) -> bool:
        """Tell whether a dead letter is meant."""
        return (
            (not self.ids or entry.id in self.ids)
            and self.cause in (None, entry.letter.cause)
            and (self.since_ms is None or entry.letter.dead_at_ms >= self.since_ms)
            and (self.until_ms is None or entry.letter.dead_at_ms < self.until_ms)
        )


def note_headers(mark: Mark, at_ms: int, new_id: str = "") -> list[tuple[str, bytes]]:
    """Encode a note; its record has the dead letter's id for a key, and no value."""
    pairs = [("note", mark.value), ("at", str(at_ms)), ("new-id", new_id)]
    return [(name, value.encode()) for name, value in pairs]


def parse_note(place: LogPosition, key: bytes, raw: RawHeaders) -> Note | None:
    """Read a note; None if the record is something else. Raises ValueError on one amiss."""
    values = {name: value.decode() for name, value in raw if name in ("note", "at", "new-id")}
    if "note" not in values:
        return None
    new_id = values.get("new-id", "")
    return Note(place, key.decode(), Mark(values["note"]), int(values.get("at", "0")), new_id)


def shelve(records: Sequence[DeadLetterEntry | Note]) -> tuple[DeadLetterEntry, ...]:
    """Give the dead letters that no note has purged, each once, oldest first.

    records: in the order of their partitions. Of one id told twice the first counts.
    """
    entries: dict[str, DeadLetterEntry] = {}
    for record in records:
        before = entries.get(record.id)
        match record:
            case DeadLetterEntry():
                # The first: notes about it may lie before a repeat, and go with what is before it.
                entries.setdefault(record.id, record)
            case Note(mark=Mark.PURGED):
                entries.pop(record.id, None)
            case Note() if before is not None:
                as_ = (*before.redriven_as, record.new_id)
                entries[record.id] = replace(before, redriven_as=as_)
            case _:
                pass
    return tuple(sorted(entries.values(), key=lambda one: (one.letter.dead_at_ms, one.id)))


def deletable(records: Sequence[DeadLetterEntry | Note]) -> Mapping[int, int]:
    """Give, for each partition, the offset before which nothing is kept any more."""
    kept = [entry.place for entry in shelve(records)]
    ends: dict[int, int] = {}
    for record in records:
        number = record.place.partition
        ends[number] = max(ends.get(number, 0), record.place.offset + 1)
    for place in kept:
        ends[place.partition] = min(ends[place.partition], place.offset)
    return ends
