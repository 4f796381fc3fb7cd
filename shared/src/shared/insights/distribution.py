"""How many pictures each class has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.insights.counting import count_of

_ALIKE = 1.25
"""Ratio of the largest class to the smallest up to which classes are called nearly alike."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Classes in order, and the number of pictures of each."""

    classes: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """Give the largest class's count over the smallest's; inf if a class is empty."""
        return max(self.counts) / min(self.counts) if min(self.counts) else float("inf")

    @property
    def interpretation(self) -> str:
        """Say in a sentence what the counts mean for training."""
        total, largest, smallest = sum(self.counts), max(self.counts), min(self.counts)
        most = self.classes[self.counts.index(largest)]
        least = self.classes[self.counts.index(smallest)]
        if len(self.classes) == 1:
            return f"{count_of(total)} of one class, {most}; a model needs at least two."
        if not smallest:
            return f"{least} has no picture; a model cannot learn it."
        constant = f"answering {most} always would be right for {100 * largest / total:.0f} %"
        if self.ratio <= _ALIKE:
            return (
                f"{count_of(total)} in {len(self.classes)} classes of nearly equal size; "
                f"{constant}."
            )
        return (
            f"{most} is the largest class with {largest:,} of {count_of(total)}, "
            f"{self.ratio:.1f} times {least}, the smallest ({smallest:,}); "
            f"{constant}, so accuracy alone misleads."
        )


def class_distribution(labels: Sequence[str], classes: Sequence[str]) -> Distribution:
    """Count labels; every label is one of `classes`. Raises ValueError if there is no class."""
    if not classes:
        raise ValueError("there is no class to count")
    counts = Counter(labels)
    return Distribution(tuple(classes), tuple(counts[name] for name in classes))
