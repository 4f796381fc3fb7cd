"""Who is learned from and who is kept for validation: whole patients, every class alike."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from trainer.core.arrays import Mask
from trainer.core.dataset import Example


def split_patients(examples: Sequence[Example], *, share: float, seed: int) -> Mask:
    """Mark the examples kept for validation, bool [N].

    A patient is wholly in or wholly out. Patients are drawn class by class (a patient with
    several classes forms a kind of its own) until `share` of that class's images is reached;
    a kind with two patients or more always leaves one on each side.
    The draw depends on the patients and the seed, not on the order of the examples.
    """
    kept: set[str] = set()
    for kind, sizes in sorted(_kinds(examples).items()):
        rng = np.random.default_rng([seed, *kind])
        kept |= _draw(sizes, share, rng)
    return np.array([example.patient in kept for example in examples], np.bool_)


def _kinds(examples: Sequence[Example]) -> dict[tuple[int, ...], dict[str, int]]:
    labels: dict[str, set[int]] = defaultdict(set)
    sizes: dict[str, int] = defaultdict(int)
    for example in examples:
        labels[example.patient].add(example.label)
        sizes[example.patient] += 1
    kinds: dict[tuple[int, ...], dict[str, int]] = defaultdict(dict)
    for patient in sorted(labels):
        kinds[tuple(sorted(labels[patient]))][patient] = sizes[patient]
    return kinds


def _draw(sizes: dict[str, int], share: float, rng: np.random.Generator) -> set[str]:
    names = list(sizes)
    wanted = share * sum(sizes.values())
    drawn: set[str] = set()
    reached = 0
    for index in rng.permutation(len(names))[: max(len(names) - 1, 0)]:
        # The nearer of stopping here and taking one more.
        size = sizes[names[index]]
        if drawn and reached + size / 2 > wanted:
            break
        drawn.add(names[index])
        reached += size
    return drawn
