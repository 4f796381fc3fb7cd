"""Which requests this gateway has accepted and seen no outcome of."""


class Unanswered:
    """Ids with their deadlines; a request past its deadline is nobody's wait any more.

    Admission bounds its length, so that clients who submit and never ask cost no memory.
    """

    def __init__(self) -> None:
        self._deadlines: dict[str, int] = {}
        self._earliest_ms: int | None = None

    def __len__(self) -> int:
        return len(self._deadlines)

    def add(self, id_: str, deadline_ms: int) -> None:
        """Count a request until its outcome, or until its deadline, unix ms."""
        self._deadlines[id_] = deadline_ms
        if self._earliest_ms is None or deadline_ms < self._earliest_ms:
            self._earliest_ms = deadline_ms

    def remove(self, id_: str) -> None:
        """Count it no more; one that is not counted is ignored."""
        self._deadlines.pop(id_, None)

    def expire(self, now_ms: int) -> None:
        """Count those no more whose deadline has passed."""
        if self._earliest_ms is None or now_ms < self._earliest_ms:
            return
        kept = {id_: at for id_, at in self._deadlines.items() if at > now_ms}
        self._deadlines = kept
        self._earliest_ms = min(kept.values(), default=None)
