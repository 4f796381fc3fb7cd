"""Whether everything accepted was answered, told from what lies on the topics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

EXPIRED = "expired"
SUCCEEDED = "succeeded"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request whose record was confirmed on `predict.requests`.

    at_ms: the time of its record, or of its id, unix ms. is_entry: known from an entry on
    `predict.accepted`, which is kept for longer than the record.
    """

    id: str
    at_ms: int
    deadline_ms: int
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One outcome on `predict.results`.

    status: succeeded, failed or expired. what: the label, or the error's code, or nothing.
    at_ms: the record's time. asked_ms: when its id was made, None if that cannot be told; unix ms.
    """

    id: str
    at_ms: int
    asked_ms: int | None
    status: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read: accepted in any order, told in the order of its partitions.

    dead_letters: ids on `predict.dlq`. unreadable: records that are no message of ours.
    cut_ms: requests of before this moment, unix ms, were deleted by retention; 0: none.
    """

    accepted: Sequence[Accepted]
    told: Sequence[Told]
    dead_letters: Sequence[str] = ()
    unreadable: int = 0
    cut_ms: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """since_ms: requests are judged from there on. now_ms: outcomes were read up to then.

    grace_ms: what one rebalance and one restart may add to a deadline. unix ms, ms.
    """

    since_ms: int
    now_ms: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """How the accepted ended; every one is in exactly one of the first six counts.

    contradicted: ids told twice, and differently; repeated: outcomes beyond each first.
    unasked: outcomes of ids that were made in the window but have no request there any more.
    deleted: accepted requests of the window whose record retention has deleted: those that clients
    hold an id of, by `predict.accepted`; deleted_expired: those of them that ended as expired.
    cut_ms: where the window reaches back beyond the requests that are left, unix ms, else 0: what
    was accepted before that and has no entry on `predict.accepted` cannot be judged.
    longest_answer_ms: from acceptance to the first outcome. longest_gap_ms: without any outcome
    while something was pending.
    """

    accepted: int
    succeeded: int
    failed: Mapping[str, int]
    expired: int
    pending: int
    lost: tuple[str, ...]
    contradicted: tuple[str, ...]
    repeated: int
    dead_letters: int
    unasked: int
    unreadable: int
    longest_answer_ms: int
    longest_gap_ms: int
    deleted: int = 0
    deleted_expired: int = 0
    cut_ms: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether the window holds no accepted request: then there is nothing to judge."""
        return self.accepted == 0

    @property
    def sound(self) -> bool:
        """Whether the invariant holds: nothing lost, nothing contradicted."""
        return not self.lost and not self.contradicted


@dataclass(slots=True)
class _Repeats:
    first: dict[str, Told] = field(default_factory=dict)
    contradicted: dict[str, None] = field(default_factory=dict)
    count: int = 0


def audit(seen: Seen, window: Window) -> Report:
    """Judge every request of the window by its first outcome.

    What has none is pending until its deadline and the grace have passed, and lost from then on.
    """
    # A request's own record is the better witness: when it was accepted, and that it is there.
    of_window = [one for one in reversed(seen.accepted) if one.at_ms >= window.since_ms]
    accepted = {one.id: one for one in of_window if one.is_entry}
    accepted |= {one.id: one for one in of_window if not one.is_entry}
    repeats = _sort_out([one for one in seen.told if one.id in accepted])
    open_ = [one for one in accepted.values() if one.id not in repeats.first]
    lost = tuple(one.id for one in open_ if _is_due(one, window))
    statuses = Counter(one.status for one in repeats.first.values())
    deleted = [one.id for one in accepted.values() if one.is_entry]
    failed = Counter(one.what for one in repeats.first.values() if one.status == "failed")
    return Report(
        accepted=len(accepted),
        succeeded=statuses[SUCCEEDED],
        failed=dict(sorted(failed.items())),
        expired=statuses[EXPIRED],
        pending=len(open_) - len(lost),
        lost=lost,
        contradicted=tuple(repeats.contradicted),
        repeated=repeats.count,
        dead_letters=len(accepted.keys() & set(seen.dead_letters)),
        unasked=_count_unasked(seen.told, accepted, window),
        unreadable=seen.unreadable,
        longest_answer_ms=max(
            (told.at_ms - accepted[id_].at_ms for id_, told in repeats.first.items()), default=0
        ),
        longest_gap_ms=_longest_gap_ms(accepted, repeats.first, window),
        deleted=len(deleted),
        deleted_expired=sum(
            id_ in repeats.first and repeats.first[id_].status == EXPIRED for id_ in deleted
        ),
        cut_ms=seen.cut_ms if seen.cut_ms > window.since_ms else 0,
    )


def _sort_out(told: Sequence[Told]) -> _Repeats:
    found = _Repeats()
    for one in told:
        first = found.first.setdefault(one.id, one)
        if first is one:
            continue
        found.count += 1
        # Repeated after the deadline, a request is answered `expired`, whatever it was before.
        if one.status != EXPIRED and (one.status, one.what) != (first.status, first.what):
            found.contradicted[one.id] = None
    return found


def _is_due(one: Accepted, window: Window) -> bool:
    return one.deadline_ms + window.grace_ms <= window.now_ms


def _count_unasked(told: Sequence[Told], accepted: Mapping[str, Accepted], window: Window) -> int:
    ids = {
        one.id
        for one in told
        if one.id not in accepted and one.asked_ms is not None and one.asked_ms >= window.since_ms
    }
    return len(ids)


def _longest_gap_ms(
    accepted: Mapping[str, Accepted], first: Mapping[str, Told], window: Window
) -> int:
    # At one moment, arrivals (0) come before outcomes (1): a record is there before its answer.
    events = [(one.at_ms, 0) for one in accepted.values()]
    events += [(max(one.at_ms, accepted[id_].at_ms), 1) for id_, one in first.items()]
    events.sort()
    pending, quiet_since_ms, longest_ms = 0, 0, 0
    for at_ms, is_outcome in events:
        if is_outcome:
            longest_ms = max(longest_ms, at_ms - quiet_since_ms)
            quiet_since_ms = at_ms
            pending -= 1
        else:
            if pending == 0:
                quiet_since_ms = at_ms
            pending += 1
    return max(longest_ms, window.now_ms - quiet_since_ms) if pending else longest_ms
