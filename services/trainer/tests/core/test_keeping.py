from dataclasses import replace

import pytest

from trainer.core.dataset import Dataset, Example, TooFewError
from trainer.core.keeping import in_order_of, keep_apart, only_kept, without

CLASSES = ("NORMAL", "viral", "COVID-19")


def draw(*, patients: int, each: int, label: int) -> list[Example]:
    return [
        Example(f"{label}/{p}-{n}", f"{label}{p:03}{n}", label, f"{label}-{p}")
        for p in range(patients)
        for n in range(each)
    ]


def dataset_of(examples: list[Example]) -> Dataset:
    return Dataset(CLASSES, "NORMAL", "drawn", tuple(examples), (), (), ("COVID-19",))


BOTH = [
    *draw(patients=10, each=1, label=0),
    *draw(patients=10, each=2, label=1),
    *draw(patients=20, each=3, label=2),
]


def test_a_part_of_the_further_class_alone_is_kept_by_whole_patients() -> None:
    learned, kept = keep_apart(dataset_of(BOTH), share=0.3, seed=1)
    assert {e.label for e in kept} == {2}
    assert len(kept) == 18
    assert not {e.patient for e in kept} & {e.patient for e in learned.examples}
    assert len(learned.examples) + len(kept) == len(BOTH)


def test_what_is_kept_does_not_depend_on_the_other_classes() -> None:
    _, kept = keep_apart(dataset_of(BOTH), share=0.3, seed=1)
    alone = [e for e in BOTH if e.label == 2]
    assert keep_apart(dataset_of(alone), share=0.3, seed=1)[1] == kept


def test_a_kept_patient_lends_training_no_picture_of_another_class() -> None:
    _, kept = keep_apart(dataset_of(BOTH), share=0.3, seed=1)
    shared = Example("0/also", "0also", 0, kept[0].patient)
    learned, again = keep_apart(dataset_of([*BOTH, shared]), share=0.3, seed=1)
    assert again == kept
    assert shared not in learned.examples


def test_a_share_of_nothing_keeps_nothing() -> None:
    assert keep_apart(dataset_of(BOTH), share=0, seed=1) == (dataset_of(BOTH), ())


def test_a_bundle_is_judged_on_what_was_kept_alone() -> None:
    learned, kept = keep_apart(dataset_of(BOTH), share=0.3, seed=1)
    hashes = {e.sha256 for e in kept}
    judged = only_kept(dataset_of(BOTH), hashes)
    assert [e for e in judged.examples if e.label == 2] == list(kept)
    assert len([e for e in judged.examples if e.label != 2]) == 30
    assert without(dataset_of(BOTH), hashes) == learned


def test_what_was_learned_is_no_test() -> None:
    with pytest.raises(TooFewError, match=r"no picture of COVID-19 was kept"):
        only_kept(dataset_of(BOTH), {"another"})


def test_labels_are_numbered_as_the_bundle_does() -> None:
    ordered = in_order_of(dataset_of(BOTH), ("COVID-19", "NORMAL", "bacterial", "viral"))
    assert {ordered.classes[e.label] for e in ordered.examples if e.name[0] == "2"} == {"COVID-19"}
    assert {ordered.classes[e.label] for e in ordered.examples if e.name[0] == "1"} == {"viral"}


def test_a_class_that_the_bundle_does_not_know_is_refused() -> None:
    with pytest.raises(TooFewError, match=r"holds NORMAL, viral, COVID-19; the bundle knows"):
        in_order_of(replace(dataset_of(BOTH)), ("NORMAL", "viral"))
