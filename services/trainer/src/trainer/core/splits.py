"""Who is learned from and who is kept for validation: whole patients, every class alike."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from trainer.core.arrays import Labels, Mask
from trainer.core.dataset import Example, TooFewError


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


def fold_patients(examples: Sequence[Example], *, folds: int, seed: int) -> Labels:
    """Give every example's fold, int64 [N], 0..folds − 1, for cross-validation.

    A patient lies wholly in one fold. Kind by kind (see `split_patients`), patients go, those with
    most images first and chance deciding among equals, to the fold with fewest images of the kind.
    Raises TooFewError where a class has fewer patients than folds.
    """
    _require_patients(examples, folds)
    fold_of: dict[str, int] = {}
    for kind, sizes in sorted(_kinds(examples).items()):
        rng = np.random.default_rng([seed, *kind])
        filled = np.zeros(folds, np.int64)
        # Which fold is served first is chance too, or small kinds would all crowd the first ones.
        places = rng.permutation(folds)
        names = list(sizes)
        drawn = [names[index] for index in rng.permutation(len(names))]
        for name in sorted(drawn, key=lambda one: -sizes[one]):
            place = int(filled.argmin())
            fold_of[name] = int(places[place])
            filled[place] += sizes[name]
    return np.array([fold_of[example.patient] for example in examples], np.int64)


def _require_patients(examples: Sequence[Example], folds: int) -> None:
    patients = Counter(label for _, label in {(e.patient, e.label) for e in examples})
    fewest = min(patients.values(), default=0)
    if fewest < folds:
        raise TooFewError(f"{folds} folds need {folds} patients of every class, not {fewest}")


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
