"""The newest outcomes in memory, bounded; the topic holds the rest."""

from collections import OrderedDict

from shared.contracts.predict import Expired, Failed, Succeeded, parse_result

Outcome = Succeeded | Failed | Expired


class OutcomeCache:
    """Remembers the last `capacity` outcomes; the first outcome seen of an id stands.

    As bytes: a fifth of the memory, and most are never asked for again. At most `max_bytes` of
    them: an outcome that is explained has twenty times as many as one that is not.
    """

    def __init__(self, capacity: int, max_bytes: int) -> None:
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._outcomes: OrderedDict[str, bytes] = OrderedDict()

    def add(self, outcome: Outcome) -> None:
        """Remember an outcome, forgetting the oldest if full; repeats change nothing."""
        if self._capacity == 0 or outcome.id in self._outcomes:
            return
        body = self._outcomes[outcome.id] = outcome.to_bytes()
        self._held_bytes += len(body)
        while len(self._outcomes) > self._capacity or self._held_bytes > self._max_bytes:
            _, oldest = self._outcomes.popitem(last=False)
            self._held_bytes -= len(oldest)

    def get(self, id_: str) -> Outcome | None:
        """Return the outcome of `id_`, if it is among the newest."""
        body = self._outcomes.get(id_)
        return None if body is None else parse_result(body)
