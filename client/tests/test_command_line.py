"""What the command line decides without a gateway."""

import sys

import pytest

from pneumo import PneumoError
from pneumo.bulk.files import find_images
from pneumo.cli.address import hoisted
from pneumo.cli.app import new_app
from pneumo.cli.uploads import _plan


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("status --url http://x", "--url http://x status"),
        ("jobs show i --key=k --json", "--key=k jobs show i --json"),
        ("dlq list -- --url x", "dlq list -- --url x"),
        ("status --url", "--url status"),
    ],
)
def test_url_and_key_may_stand_anywhere(line, read):
    assert hoisted(line.split()) == read.split()


def test_folders_globs_and_files_are_found_once_and_hidden_ones_never(tmp_path):
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt", "below/c.dcm", ".git/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = [path.name for path in find_images([str(tmp_path), str(tmp_path / "a.png")]).images]
    assert named == ["a.png", "b.JPG", "c.dcm"]
    assert [p.name for p in find_images([f"{tmp_path}/*.txt"]).images] == ["notes.txt"]
    with pytest.raises(PneumoError, match="no such file"):
        find_images([f"{tmp_path}/*.webp"])


@pytest.mark.parametrize("command", ["dlq", "audit"])
def test_what_reads_kafka_says_how_to_get_it_where_it_is_not(command, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "operations", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        new_app()([command, "list", "--json"])
    assert ended.value.code == 2
    assert f"make {command}" in capfd.readouterr().err


def test_what_reads_kafka_is_run_where_it_is(capfd):
    with pytest.raises(SystemExit) as ended:
        new_app()(["dlq", "--help"])
    assert ended.value.code == 0
    assert "redrive" in capfd.readouterr().out


@pytest.mark.parametrize(
    "command",
    ["predict", "upload", "retrain", "status", "dataset", "bench", "jobs watch", "models rollback"],
)
def test_every_command_explains_itself(command, capfd):
    with pytest.raises(SystemExit) as ended:
        new_app()([*command.split(), "--help"])
    assert ended.value.code == 0
    assert command.split()[-1] in capfd.readouterr().out


JPEG, DICOM = b"\xff\xd8\xff\xe0", b"\0" * 128 + b"DICM"


def test_images_without_an_ending_are_found_by_their_bytes_and_others_are_reported(tmp_path):
    files = {
        "cd/IM000001": DICOM,
        "cd/1.2.840.1": DICOM,
        "cd/DICOMDIR": DICOM,
        "x.jfif": JPEG,
        "old.jpe": JPEG,
        "scan": JPEG,
        "report.pdf": b"%PDF",
        "Thumbs.db": b"x",
        "__MACOSX/._a.jpeg": b"x",
        ".ipynb_checkpoints/a-checkpoint.png": b"x",
    }
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "y.png").touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "linked")
    (tmp_path / "in" / "cd" / "loop").symlink_to(tmp_path / "in")
    found = find_images([str(tmp_path / "in")])
    assert sorted(path.name for path in found.images) == [
        *("1.2.840.1", "IM000001", "old.jpe", "scan", "x.jfif", "y.png")
    ]
    assert [path.name for path in found.skipped] == ["report.pdf"]


def known_classes():
    return ("NORMAL", "viral")


def new_tree(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "a.png").touch()
    return [str(folder)]


@pytest.mark.parametrize(
    ("tree", "label"),
    [
        ("NORMAL", "NORMAL"),
        ("my_xrays/NORMAL", "NORMAL"),
        ("train/NORMAL", "NORMAL"),
        ("train/NORMAL/patient-1", "NORMAL"),
        ("my_xrays/COVID-19", "COVID-19"),
    ],
)
def test_the_label_of_an_image_is_the_nearest_class_or_its_folder(tmp_path, tree, label):
    paths = new_tree(tmp_path, tree)
    (tmp_path / "empty").mkdir()
    plan = _plan(paths, None, known_classes)
    assert [(part.label, [file.name for file in part.files]) for part in plan.parts] == [
        (label, ["a.png"])
    ]


def test_a_class_with_folders_for_patients_is_uploaded_by_its_own_name(tmp_path):
    plan = _plan(new_tree(tmp_path / "viral", "patient-1", "patient-2"), None, known_classes)
    assert [(part.label, len(part.files)) for part in plan.parts] == [("viral", 2)]


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (["train"], "part of a dataset"),
        (["normal/patient-1"], "inside the class folder 'normal'"),
        (["my_xrays", "my_xrays/COVID-19"], "contains other folders with images"),
    ],
)
def test_a_folder_that_is_never_a_class_stops_the_upload_before_it_begins(tmp_path, tree, words):
    with pytest.raises(PneumoError, match=words):
        _plan(new_tree(tmp_path, *tree), None, known_classes)


def test_an_upload_with_a_label_asks_for_no_classes(tmp_path):
    (tmp_path / "a.png").touch()
    assert _plan([str(tmp_path)], "viral", lambda: pytest.fail("asked")).parts[0].label == "viral"


def test_a_folder_of_images_without_class_folders_asks_for_a_label(tmp_path):
    (tmp_path / "NORMAL").mkdir()
    (tmp_path / "NORMAL" / "a.png").touch()
    with pytest.raises(PneumoError, match="--label NORMAL"):
        _plan([str(tmp_path / "NORMAL")], None, known_classes)
