"""What a full training learns from: a folder, split as ever, and the uploads."""

import numpy as np
import pytest

from shared.contracts.dataset import DatasetImage
from shared.testing.bundles import sha256_hex
from trainer.core.dataset import Dataset, Example
from trainer.core.holdback import hold_back
from trainer.core.recipe import Recipe
from trainer.core.replay import Remembered, Replay
from trainer.core.splits import split_patients
from trainer.service.merging import merge
from trainer.service.remembering import pseudonym

RECIPE = Recipe(validation_share=0.3)
EXAMPLES = tuple(
    sorted(
        (
            Example(f"{label}/{n}", sha256_hex(f"{label} {n}".encode()), index, f"{label}-{n // 2}")
            for index, label in enumerate(("sick", "well"))
            for n in range(40)
        ),
        key=lambda one: one.sha256,
    )
)
# The folder numbers its classes otherwise than the bundle does.
FOLDER = Dataset(("sick", "well"), "well", "drawn", EXAMPLES, (), ())
SPLIT = split_patients(EXAMPLES, share=0.3, seed=0)


def upload(name: str, label: str, patient: str | None = None) -> DatasetImage:
    return DatasetImage(
        sha256=sha256_hex(name.encode()), label=label, patient=patient, source="upload",
        content_type="image/png", size_bytes=1, created_at_ms=1,
    )  # fmt: skip


def memory(held: list[Example]) -> Replay:
    def rows(examples: list[Example]) -> Remembered:
        return Remembered(
            np.zeros((len(examples), 1), np.float16),
            np.zeros((len(examples), 2), np.float32),
            np.array([1 - one.label for one in examples], np.int64),
            np.array([one.sha256 for one in examples], np.str_),
            np.array([pseudonym(one.patient) for one in examples], np.str_),
        )

    return Replay(("well", "sick"), rows([]), rows(held), rows([]), rows([]))


HELD = [example for example, out in zip(EXAMPLES, SPLIT.tolist(), strict=True) if out]


def test_the_folder_is_split_as_it_is_without_uploads() -> None:
    images = [upload(f"new {n}", "well") for n in range(40)]
    merged = merge(FOLDER, images, memory(HELD), "well", RECIPE)
    ours = {one.sha256 for one in HELD}
    names = {example.sha256 for example in EXAMPLES}
    pairs = zip(merged.dataset.examples, merged.held_out.tolist(), strict=True)
    assert {e.sha256 for e, out in pairs if out and e.sha256 in names} == ours
    assert {one.sha256 for one in merged.remembered} == ours
    assert merged.dataset.reference == "well"


def test_labels_are_numbered_as_the_bundle_does_and_new_classes_come_last() -> None:
    merged = merge(FOLDER, [upload("x", "new")], memory(HELD), "well", RECIPE)
    assert merged.dataset.classes == ("well", "sick", "new")
    label = {example.sha256: example.label for example in merged.dataset.examples}
    for example in EXAMPLES:
        assert label[example.sha256] == 1 - example.label


def test_uploads_are_learned_or_held_back_and_never_both() -> None:
    images = [upload(f"new {n}", "well") for n in range(60)]
    merged = merge(FOLDER, images, memory(HELD), "well", RECIPE)
    learned = {one.sha256 for one in merged.dataset.examples} - {one.sha256 for one in EXAMPLES}
    back = {one.sha256 for one in merged.held_back}
    assert not learned & back
    assert learned | back == {image.sha256 for image in images}
    names = sorted(learned | back)
    assert back == set(np.array(names)[hold_back(np.zeros(60, int), names)].tolist())


def test_a_picture_of_both_keeps_the_folders_label_and_counts_once() -> None:
    same = EXAMPLES[0]
    image = upload("", "sick" if FOLDER.classes[same.label] == "well" else "well")
    merged = merge(
        FOLDER, [image.model_copy(update={"sha256": same.sha256})], memory(HELD), "well", RECIPE
    )
    assert len(merged.dataset.examples) == len(EXAMPLES)
    (found,) = (one for one in merged.dataset.examples if one.sha256 == same.sha256)
    assert found.label == 1 - same.label
    assert merged.held_back == ()


def test_an_upload_of_a_held_out_patient_is_held_back() -> None:
    patient = HELD[0].patient
    images = [upload(f"of the same {n}", "well", patient) for n in range(5)]
    merged = merge(FOLDER, images, memory(HELD), "well", RECIPE)
    assert len(merged.held_back) == 5


@pytest.mark.parametrize("held", [[], [Example("x", sha256_hex(b"elsewhere"), 0, "x")]])
def test_only_what_the_current_model_did_not_learn_is_judged_by(held: list[Example]) -> None:
    assert merge(FOLDER, [], memory(held), "well", RECIPE).remembered == ()
