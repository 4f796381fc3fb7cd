"""How many requests are accepted and not answered yet, by whichever gateway."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the counts stood when a look at the group's lag began."""

    accepted: int
    answered: int


class Backlog:
    """The lag at the last look, plus what was accepted here since, minus all outcomes since.

    What other gateways accept shows at the next look. The workers commit a little later than they
    answer, so a look counts some milliseconds of outcomes too much, never too little.
    """

    def __init__(self) -> None:
        self._accepted = 0
        self._answered = 0
        self._lag = 0
        self._mark = Mark(0, 0)

    def accept(self) -> None:
        """Count a request that this gateway publishes."""
        self._accepted += 1

    def answer(self) -> None:
        """Count an outcome, whoever made the request."""
        self._answered += 1

    def mark(self) -> Mark:
        """Give the counts to hand to `looked` after the look that begins now."""
        return Mark(self._accepted, self._answered)

    def looked(self, lag: int, since: Mark) -> None:
        """Take in the group's lag, as a look that began at `since` found it."""
        self._lag, self._mark = lag, since

    def size(self, *, at_least: int) -> int:
        """Give the number of requests; `at_least`: what this gateway knows to be unanswered."""
        since = self._accepted - self._mark.accepted - (self._answered - self._mark.answered)
        return max(self._lag + since, at_least, 0)
