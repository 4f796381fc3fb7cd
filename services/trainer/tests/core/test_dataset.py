import pytest

from trainer.core.dataset import TooFewError, assemble, count, require_trainable
from trainer.core.labelling import Labelled, Layout

LAYOUT = Layout("made up", ("well", "ill"), "well", ())


def of(name: str, label: str, patient: str) -> Labelled:
    return Labelled(name, label, patient)


def test_equal_bytes_count_once_and_join_their_patients() -> None:
    dataset = assemble(
        LAYOUT,
        [
            (of("b", "ill", "anna"), "2" * 64),
            (of("a", "ill", "anna"), "1" * 64),
            (of("c", "ill", "berta"), "2" * 64),
            (of("d", "ill", "berta"), "3" * 64),
        ],
    )
    assert [example.name for example in dataset.examples] == ["a", "b", "d"]
    assert {example.patient for example in dataset.examples} == {"anna"}
    assert dataset.duplicates == ("c",)


def test_patients_joined_by_a_chain_of_pictures_are_one_group() -> None:
    pairs = [("p", "1"), ("q", "1"), ("q", "2"), ("r", "2"), ("r", "3"), ("s", "4")]
    files = [(of(f"{n}", "ill", who), digest * 64) for n, (who, digest) in enumerate(pairs)]
    groups = {e.sha256[0]: e.patient for e in assemble(LAYOUT, files).examples}
    assert groups["1"] == groups["2"] == groups["3"] != groups["4"]


def test_one_picture_with_two_labels_is_used_under_neither() -> None:
    dataset = assemble(LAYOUT, [(of("a", "well", "x"), "1" * 64), (of("b", "ill", "y"), "1" * 64)])
    assert dataset.examples == ()
    assert dataset.conflicts == ("a", "b")


def test_the_hash_of_the_data_is_of_pictures_and_classes_not_of_names() -> None:
    one = assemble(LAYOUT, [(of("a", "well", "x"), "1" * 64)])
    renamed = assemble(LAYOUT, [(of("z", "well", "y"), "1" * 64)])
    relabelled = assemble(LAYOUT, [(of("a", "ill", "x"), "1" * 64)])
    assert one.sha256 == renamed.sha256 != relabelled.sha256


@pytest.mark.parametrize("missing", ["class", "patients"])
def test_a_folder_that_cannot_be_split_is_refused(missing: str) -> None:
    layout = Layout("made up", ("well",), "well", ()) if missing == "class" else LAYOUT
    files = [(of(f"{n}", "well", f"p{n}"), f"{n}" * 64) for n in range(5)]
    dataset = assemble(layout, files)
    with pytest.raises(TooFewError, match=r"two classes|class ill has 0 patients"):
        require_trainable(dataset, patients=2)


def test_patients_are_counted_for_every_class_they_appear_in() -> None:
    files = [
        (of("a", "well", "x"), "1" * 64),
        (of("b", "ill", "x"), "2" * 64),
        (of("c", "ill", "y"), "3" * 64),
    ]
    counted = [(one.images, one.patients) for one in count(assemble(LAYOUT, files))]
    assert counted == [(1, 1), (2, 2)]
