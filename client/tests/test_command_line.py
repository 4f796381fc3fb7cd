"""What the command line decides without a gateway."""

import sys

import pytest

from pneumo import PneumoError
from pneumo.bulk.files import find_images
from pneumo.cli.address import hoisted
from pneumo.cli.app import new_app


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
    named = [path.name for path in find_images([str(tmp_path), str(tmp_path / "a.png")])]
    assert named == ["a.png", "b.JPG", "c.dcm"]
    assert [p.name for p in find_images([f"{tmp_path}/*.txt"])] == ["notes.txt"]
    with pytest.raises(PneumoError, match="no image"):
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
