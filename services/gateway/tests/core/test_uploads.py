"""What an upload may say, and what an archive may hold, as tables."""

import stat
from uuid import RFC_4122, UUID

import pytest

from gateway.core.faults import Fault
from gateway.core.job_ids import is_idempotency_key, job_id_of
from gateway.core.upload_fields import UploadFields, find_label_fault, parse_upload_fields
from gateway.core.uploads import RejectedImage, summarise
from gateway.core.zip_entries import Skip, Take, ZipEntry, judge_entry
from gateway.core.zip_layout import choose_label, find_folder_fault, find_outer_folders
from shared.clock import created_at_ms
from shared.contracts.errors import ErrorCode

CLASSES = ("NORMAL", "viral")


@pytest.mark.parametrize(
    ("label", "classes", "code"),
    [
        ("NORMAL", CLASSES, None),
        ("normal", CLASSES, ErrorCode.UNKNOWN_LABEL),
        ("COVID-19", CLASSES, ErrorCode.UNKNOWN_LABEL),
        ("COVID-19", None, None),
        ("Normal", None, ErrorCode.UNKNOWN_LABEL),
        ("COVID-19", (), ErrorCode.UNKNOWN_LABEL),
        ("a" * 64, None, None),
        ("a" * 65, None, ErrorCode.INVALID_LABEL),
        ("", None, ErrorCode.INVALID_LABEL),
        ("a/b", None, ErrorCode.INVALID_LABEL),
        ("..", None, ErrorCode.INVALID_LABEL),
        ("a.b", None, ErrorCode.INVALID_LABEL),
        ("-a", None, ErrorCode.INVALID_LABEL),
        ("_a", None, ErrorCode.INVALID_LABEL),
        ("a\n", None, ErrorCode.INVALID_LABEL),
        ("ä", None, ErrorCode.INVALID_LABEL),
        ("=SUM(A1)", None, ErrorCode.INVALID_LABEL),
    ],
)
def test_labels(label, classes, code):
    fault = find_label_fault(
        label, CLASSES if classes is None else classes, allow_new_class=classes is None
    )
    assert (fault and fault.code) == code


def test_a_label_in_other_capitals_is_answered_with_the_class():
    fault = find_label_fault("Normal", CLASSES, allow_new_class=True)
    assert "'NORMAL'" in fault.detail
    assert "new_class" not in fault.detail


@pytest.mark.parametrize(
    ("archive", "refused"),
    [
        ([("my_xrays", "NORMAL"), ("my_xrays", "COVID-19")], []),
        ([("train", "NORMAL"), ("test", "NORMAL"), ("val", "viral")], []),
        ([("train",), ("Test",)], [("train",), ("Test",)]),
        ([("my_xrays",), ("my_xrays", "NORMAL")], [("my_xrays",)]),
        ([("my_xrays",), ("my_xrays", "COVID-19")], [("my_xrays",)]),
        ([("NORMAL",), ("NORMAL", "viral")], []),
        ([("NORMAL", "patient-1")], []),
        ([("Normal", "patient-1")], [("Normal", "patient-1")]),
        ([("COVID-19",)], []),
    ],
)
def test_which_folders_of_an_archive_are_no_classes(archive, refused):
    outer = find_outer_folders(archive)
    found = [each for each in archive if find_folder_fault(each, outer, CLASSES) is not None]
    assert found == refused


@pytest.mark.parametrize(
    ("folders", "label"),
    [
        (("NORMAL",), "NORMAL"),
        (("train", "NORMAL", "patient-1"), "NORMAL"),
        (("NORMAL", "viral", "left"), "viral"),
        (("my_xrays", "COVID-19"), "COVID-19"),
    ],
)
def test_the_label_of_an_image_in_folders(folders, label):
    assert choose_label(folders, CLASSES) == label


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, UploadFields()),
        ({"label": "a", "patient_id": "p.1", "source": "s"}, UploadFields("a", "p.1", "s")),
        ({"label": "", "patient_id": "", "source": "", "new_class": ""}, UploadFields()),
        ({"new_class": "TRUE"}, UploadFields(allow_new_class=True)),
        ({"new_class": "0"}, UploadFields()),
        ({"new_class": "perhaps"}, ErrorCode.MALFORMED_REQUEST),
        ({"patient_id": "a b"}, ErrorCode.MALFORMED_REQUEST),
        ({"source": "a/b"}, ErrorCode.MALFORMED_REQUEST),
    ],
)
def test_labellings(fields, expected):
    nothing = {"label": None, "patient_id": None, "source": None, "new_class": None}
    found = parse_upload_fields(**nothing | fields)
    assert (found.code if isinstance(found, Fault) else found) == expected


def entry(name, size_bytes=10_000, packed_bytes=9_000, **more):
    return ZipEntry(name, size_bytes, packed_bytes, **more)


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        (entry("A/x.png"), Take(("A",))),
        (entry("A/b/c/x.png"), Take(("A", "b", "c"))),
        (entry("A/x..png"), Take(("A",))),
        (entry("A/", 0, 0), Skip()),
        (entry("A/b/", 0, 0), Skip()),
        (entry("x.png"), ErrorCode.INVALID_LABEL),
        (entry("/A/x.png"), ErrorCode.UNSAFE_NAME),
        (entry("//A/x.png"), ErrorCode.UNSAFE_NAME),
        (entry("A//x.png"), ErrorCode.UNSAFE_NAME),
        (entry("../A/x.png"), ErrorCode.UNSAFE_NAME),
        (entry("A/../x.png"), ErrorCode.UNSAFE_NAME),
        (entry("A/..", 0, 0), ErrorCode.UNSAFE_NAME),
        (entry("../", 0, 0), ErrorCode.UNSAFE_NAME),
        (entry("./A/x.png"), ErrorCode.UNSAFE_NAME),
        (entry("A\\x.png"), ErrorCode.UNSAFE_NAME),
        (entry("c:x.png"), ErrorCode.UNSAFE_NAME),
        (entry("A/x\0.png"), ErrorCode.UNSAFE_NAME),
        (entry(""), ErrorCode.UNSAFE_NAME),
        (entry("/"), ErrorCode.UNSAFE_NAME),
        (entry("A/.DS_Store"), Skip()),
        (entry("A/._x.png"), Skip()),
        (entry("A/Thumbs.db"), Skip()),
        (entry("A/desktop.ini"), Skip()),
        (entry(".git/x.png"), Skip()),
        (entry("__MACOSX/", 0, 0), Skip()),
        (entry("__MACOSX/A/x.png"), Skip()),
        (entry("A/" * 40 + "x.png"), ErrorCode.UNSAFE_NAME),
        (entry("A/x", attributes=stat.S_IFLNK << 16), ErrorCode.UNSUPPORTED_ENTRY),
        (entry("A/x", attributes=stat.S_IFIFO << 16), ErrorCode.UNSUPPORTED_ENTRY),
        (entry("A/x", attributes=stat.S_IFLNK << 16, system=0), Take(("A",))),
        (entry("A/x", attributes=(stat.S_IFREG | 0o644) << 16), Take(("A",))),
        (entry("A/x", flags=0x1), ErrorCode.UNSUPPORTED_ENTRY),
        (entry("A/x", flags=0x800), Take(("A",))),
        (entry("A/x", method=0), Take(("A",))),
        (entry("A/x", method=12), ErrorCode.UNSUPPORTED_ENTRY),
        (entry("A/x", method=14), ErrorCode.UNSUPPORTED_ENTRY),
        (entry("A/x", 100_000, 1_000), Take(("A",))),
        (entry("A/x", 100_001, 1_000), ErrorCode.TOO_COMPRESSED),
        (entry("A/x", 100, 0), Take(("A",))),
        (entry("A/x", 200_001, 200_001), ErrorCode.TOO_LARGE),
    ],
)
def test_zip_entries(judged, expected):
    found = judge_entry(judged, max_image_bytes=200_000, max_dicom_bytes=400_000)
    assert (found.code if isinstance(found, Fault) else found) == expected


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], ErrorCode.MISSING_FIELD),
        ([ErrorCode.EMPTY_FILE], ErrorCode.EMPTY_FILE),
        ([ErrorCode.EMPTY_FILE, ErrorCode.EMPTY_FILE], ErrorCode.EMPTY_FILE),
        ([ErrorCode.EMPTY_FILE, ErrorCode.UNDECODABLE], ErrorCode.NOTHING_ACCEPTED),
    ],
)
def test_what_is_said_of_a_request_of_which_nothing_was_taken(codes, expected):
    assert summarise([RejectedImage(None, code, "no") for code in codes]).code == expected


def test_a_key_names_its_job_in_every_gateway():
    id_ = job_id_of("monday")
    # Known once, and the same for ever: a gateway of another version must agree.
    assert id_ == "00000000-0000-7d2a-b58e-2a641e05de59"
    assert (UUID(id_).version, UUID(id_).variant) == (7, RFC_4122)
    assert created_at_ms(id_) == 0
    assert job_id_of("tuesday") != id_


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", True),
        ("a" * 255, True),
        ("a" * 256, False),
        ("", False),
        ("a\nb", False),
        ("ü", False),
        ('"quoted key"', True),
    ],
)
def test_keys(key, expected):
    assert is_idempotency_key(key) is expected
