"""What an upload does, what a decision does, and what a training sees."""

import hashlib

import pytest

from registry.core.dataset import (
    CLOCK_TOLERANCE_MS,
    OTHER_CLASSES,
    Deletion,
    RecordPlace,
    Relabel,
    UnreadableUpload,
    Upload,
    UploadCounts,
    UploadEffect,
    bound_classes,
    count_new_bytes,
    decide_relabelling,
    decide_upload,
    new_image,
    refuse_too_few,
    take_snapshot,
    verify_upload,
)
from registry.core.refusals import RegistryCode
from shared.contracts.dataset import DatasetImage, UploadHeaders

CONTENT = b"a radiograph"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def headers(label: str = "NORMAL", content_type: str = "image/png") -> UploadHeaders:
    return UploadHeaders(id="u", label=label, content_type=content_type)


PLACE = RecordPlace(partition=1, offset=10, made_at_ms=5)


def upload(label: str = "NORMAL", place: RecordPlace = PLACE) -> Upload:
    made = verify_upload(headers(label), SHA256.encode(), CONTENT, place)
    assert isinstance(made, Upload)
    return made


IMAGE = new_image(upload(), 7)


@pytest.mark.parametrize(
    ("key", "content", "content_type"),
    [
        (SHA256.encode(), b"", "image/png"),
        (SHA256.encode(), None, "image/png"),
        (None, CONTENT, "image/png"),
        (SHA256.upper().encode(), CONTENT, "image/png"),
        (SHA256.encode(), CONTENT, "image"),
        (SHA256.encode(), CONTENT, "image/png\r\n"),
        (SHA256.encode(), CONTENT, "image/png\0"),
        (SHA256.encode(), CONTENT, "image/" + "x" * 81),
    ],
)
def test_a_record_that_is_no_upload(
    key: bytes | None, content: bytes | None, content_type: str
) -> None:
    found = verify_upload(headers(content_type=content_type), key, content, PLACE)
    assert isinstance(found, UnreadableUpload)


@pytest.mark.parametrize(
    ("label", "known", "overruled", "deletion", "expected"),
    [
        ("NORMAL", None, (), None, "stored"),
        ("NORMAL", None, (), Deletion(4), "stored"),
        ("NORMAL", None, (), Deletion(5), "deleted"),
        ("NORMAL", None, (), Deletion(4, {1: 11}), "deleted"),
        ("NORMAL", None, (), Deletion(99, {1: 10}), "stored"),
        ("NORMAL", None, (), Deletion(99, {0: 11}), "stored"),
        ("NORMAL", IMAGE, (), None, "duplicate"),
        ("NORMAL", IMAGE, (), Deletion(9), "duplicate"),
        ("viral", IMAGE, (), None, "conflict"),
        ("viral", IMAGE, ("viral",), None, "duplicate"),
        ("viral", IMAGE.model_copy(update={"conflict": ("viral",)}), (), None, "duplicate"),
    ],
)
def test_what_an_upload_does(
    label: str,
    known: DatasetImage | None,
    overruled: tuple[str, ...],
    deletion: Deletion | None,
    expected: UploadEffect,
) -> None:
    assert decide_upload(upload(label), known, overruled, deletion) == expected


def test_in_a_topic_that_was_created_again_offsets_say_nothing_about_a_deletion() -> None:
    deletion = Deletion(1_000, {1: 11})
    late = RecordPlace(1, 0, made_at_ms=deletion.at_ms + CLOCK_TOLERANCE_MS + 1)
    assert decide_upload(upload(place=late), None, (), deletion) == "stored"
    still = RecordPlace(1, 0, made_at_ms=deletion.at_ms + CLOCK_TOLERANCE_MS)
    assert decide_upload(upload(place=still), None, (), deletion) == "deleted"


def test_a_decision_remembers_every_label_it_was_against() -> None:
    disputed = IMAGE.model_copy(update={"conflict": ("viral", "COVID")})
    assert decide_relabelling(IMAGE, "NORMAL", ()) is None
    assert decide_relabelling(disputed, "NORMAL", ()) == Relabel(
        "NORMAL", frozenset({"viral", "COVID"})
    )
    assert decide_relabelling(disputed, "viral", ("old",)) == Relabel(
        "viral", frozenset({"NORMAL", "COVID", "old"})
    )


def test_a_snapshot_has_a_hash_of_what_a_training_sees_and_of_nothing_else() -> None:
    other = IMAGE.model_copy(update={"sha256": "f" * 64, "patient": "p"})
    disputed = IMAGE.model_copy(update={"sha256": "0" * 64, "conflict": ("viral",)})
    snapshot = take_snapshot([other, disputed, IMAGE])
    assert snapshot.images == tuple(sorted([IMAGE, other], key=lambda image: image.sha256))
    lines = "".join(f"{i.sha256} NORMAL {i.patient or '-'} upload\n" for i in snapshot.images)
    assert snapshot.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    later = IMAGE.model_copy(update={"created_at_ms": 99})
    assert take_snapshot([later, other]).sha256 == snapshot.sha256
    relabelled = IMAGE.model_copy(update={"label": "viral"})
    assert take_snapshot([relabelled, other]).sha256 != snapshot.sha256


def test_too_few_data_says_all_that_is_missing() -> None:
    assert refuse_too_few(UploadCounts(20, {"a": 2, "b": 18}), 20) is None
    refusal = refuse_too_few(UploadCounts(19, {"a": 1, "b": 18}), 20)
    assert refusal is not None
    assert refusal.code is RegistryCode.TOO_FEW_DATA
    assert refusal.detail == (
        "Too few data: 19 new images of at least 20; 1 image of class 'a' of at least 2."
    )


def test_classes_beyond_a_limit_are_counted_as_one() -> None:
    by_class = {"a": 1, "b": 5, "c": 1, "d": 3}
    assert bound_classes(by_class, 4) == by_class
    assert bound_classes(by_class, 2) == {"b": 5, "d": 3, OTHER_CLASSES: 2}
    assert bound_classes({}, 2) == {}


def test_of_uploads_only_new_files_need_room_and_each_once() -> None:
    other = Upload(headers(), "b" * 64, b"four", PLACE)
    effects: list[UploadEffect] = ["stored", "stored", "conflict", "duplicate", "deleted"]
    assert count_new_bytes([upload(), upload(), other, other, other], effects) == len(CONTENT)
    assert count_new_bytes([upload(), other], ["stored", "stored"]) == len(CONTENT) + 4
