"""The part of a further class that no training sees, for want of an official test folder."""

from collections.abc import Collection
from dataclasses import replace

from trainer.core.dataset import Dataset, Example, TooFewError
from trainer.core.splits import split_patients


def keep_apart(dataset: Dataset, *, share: float, seed: int) -> tuple[Dataset, tuple[Example, ...]]:
    """Give the data set without, and the pictures with, `share` of every further class.

    Whole patients are kept, drawn as `split_patients` draws; whoever is kept lends no picture to
    training, of whatever class. The draw does not depend on the other classes' pictures.
    """
    there = [e for e in dataset.examples if dataset.classes[e.label] in dataset.further]
    drawn = split_patients(there, share=share, seed=seed) if share else [False] * len(there)
    patients = {example.patient for example, out in zip(there, drawn, strict=True) if out}
    kept = tuple(example for example in there if example.patient in patients)
    learned = tuple(e for e in dataset.examples if e.patient not in patients)
    return replace(dataset, examples=learned), kept


def only_kept(dataset: Dataset, kept: Collection[str]) -> Dataset:
    """Leave out every picture of a further class whose sha256 is not among those kept.

    Raises TooFewError where nothing is left of a further class: it would score what was learned.
    """
    chosen = tuple(
        e
        for e in dataset.examples
        if dataset.classes[e.label] not in dataset.further or e.sha256 in kept
    )
    left = {dataset.classes[example.label] for example in chosen}
    for name in dataset.further:
        if name not in left:
            raise TooFewError(f"no picture of {name} was kept from this bundle's training")
    return replace(dataset, examples=chosen)


def without(dataset: Dataset, kept: Collection[str]) -> Dataset:
    """Leave out the pictures that were kept: what remains was learned from."""
    return replace(dataset, examples=tuple(e for e in dataset.examples if e.sha256 not in kept))


def in_order_of(dataset: Dataset, classes: tuple[str, ...]) -> Dataset:
    """Number the labels by the bundle's classes, of which the folder may lack some.

    Raises TooFewError where it holds one that the bundle does not know.
    """
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        raise TooFewError(
            f"the folder holds {', '.join(dataset.classes)}; the bundle knows {', '.join(classes)}"
        )
    place = [classes.index(name) for name in dataset.classes]
    examples = tuple(replace(e, label=place[e.label]) for e in dataset.examples)
    return replace(dataset, classes=classes, examples=examples)
