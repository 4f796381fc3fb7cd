"""What the commit that the last owner of a partition left says about its end.

docs/architecture/terminal-answers.md, docs/decisions/0005
"""

from dataclasses import dataclass

MAX_CAREFUL = 64
"""Records of one partition that a worker may have had in its hands when it died."""

CLEAN = "clean"
"""Metadata of the last commit of a worker that gave its partition back in good order."""

_TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Committed:
    """A partition's committed offset and its metadata; offset below 0: none was ever made."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Zone:
    """Offsets [start, until) to be taken with care.

    start: where the last owner stood; retention may have deleted records from there on.
    condemned: the offset of the record that the last owner died of, not to be tried again.
    tried_mark: the mark of that owner.
    """

    start: int
    until: int
    condemned: int | None = None
    tried_mark: str = ""

    @property
    def tried_by(self) -> str:
        """The id of the worker that died of the condemned record."""
        return self.tried_mark.partition("@")[0]


def new_mark(worker_id: str, life: str) -> str:
    """Give the metadata of a worker's ordinary commits. life: an id of this process alone."""
    return f"{worker_id}@{life}"


def trying(mark: str) -> str:
    """Give the metadata to commit before a record is tried alone."""
    return f"{_TRYING} {mark}"


def is_orderly(committed: Committed, mark: str) -> bool:
    """Tell whether nobody died over this partition: it was left clean, or the owner was I."""
    return committed.offset >= 0 and committed.metadata in (CLEAN, mark)


def first_offset(committed: Committed, beginning: int) -> int:
    """Give the offset to continue at; beginning: of what the partition still holds.

    Where retention has deleted what was committed last, this stays before the beginning: records
    in between were never answered, and whoever takes the partition over must notice.
    """
    return beginning if committed.offset < 0 else committed.offset


def decide_zone(committed: Committed, mark: str, *, beginning: int, end: int) -> Zone | None:
    """Name what may have been in the hands of an owner that died; None: nothing.

    end: of the partition, now: what came later was in nobody's hands.
    """
    start = first_offset(committed, beginning)
    until = min(end, max(start, beginning) + MAX_CAREFUL)
    if is_orderly(committed, mark) or max(start, beginning) >= until:
        return None
    word, _, by = committed.metadata.partition(" ")
    if word != _TRYING or by == mark:
        return Zone(start, until)
    return Zone(start, until, condemned=committed.offset, tried_mark=by)
