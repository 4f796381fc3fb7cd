"""A file of results: what is kept of it when a bulk goes on."""

import csv
import os
from pathlib import Path

import pytest

from pneumo import PneumoError
from pneumo.bulk.files import printable_path
from pneumo.bulk.journal import Journal
from pneumo.bulk.rows import Row

CLASSES = ("NORMAL", "viral")
FORMATS = pytest.mark.parametrize("format_", ["csv", "jsonl"])


def row(n, **more):
    told = {"file": f"{n}.jpeg", "sha256": f"{n:064}", "status": "succeeded", "model_version": "1"}
    answer = {
        "label": "viral",
        "confidence": 0.5,
        "probabilities": {"viral": 0.5},
        "in_domain": True,
    }
    return Row(**{**told, **answer, "warnings": ("close_call", "no_window"), **more})


def resumed(path, format_, version="1", *, explained=False):
    journal = Journal(path, format_)
    journal.resume(version, CLASSES, explained=explained)
    return journal


def written(path, format_, *rows):
    journal = Journal(path, format_)
    journal.start(CLASSES)
    for each in rows:
        journal.write(each)
    journal.close()


@FORMATS
def test_a_row_that_was_cut_short_is_asked_about_again(tmp_path, format_):
    path = tmp_path / "out"
    written(path, format_, row(1), row(2))
    path.write_bytes(path.read_bytes()[:-7])
    journal = resumed(path, format_)
    assert journal.known(row(1).sha256) == row(1)
    assert journal.known(row(2).sha256) is None
    journal.write(row(2))
    journal.close()
    again = resumed(path, format_)
    assert [again.known(row(n).sha256) for n in (1, 2)] == [row(1), row(2)]
    again.close()


@FORMATS
def test_what_failed_or_another_version_answered_is_dropped(tmp_path, format_):
    path = tmp_path / "out"
    failed = row(2, status="failed", code="undecodable", detail="It is\ncut short, sorry")
    written(path, format_, row(1), failed, row(3, model_version="2"))
    journal = resumed(path, format_)
    assert [journal.known(row(n).sha256) is not None for n in (1, 2, 3)] == [True, False, False]
    journal.close()
    kept = path.read_text().splitlines()
    assert len([line for line in kept if "jpeg" in line]) == 1


@FORMATS
def test_a_renamed_file_gets_its_row_and_one_that_was_not_gets_no_second(tmp_path, format_):
    path = tmp_path / "out"
    written(path, format_, row(1))
    journal = resumed(path, format_)
    journal.write(row(1))
    journal.write(row(1, file="renamed\nand so.jpeg"))
    journal.close()
    assert path.read_text().count(row(1).sha256) == 2


def test_answers_without_an_explanation_are_not_enough_where_one_is_asked_for(tmp_path):
    path = tmp_path / "out"
    written(path, "jsonl", row(1), row(2, explanation={"x": 1}))
    journal = resumed(path, "jsonl", explained=True)
    assert [journal.known(row(n).sha256) is None for n in (1, 2)] == [True, False]
    journal.close()


def test_somebody_elses_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "letter.csv"
    path.write_text("Dear\nJohn\n")
    with pytest.raises(PneumoError, match="line 1"):
        resumed(path, "csv")
    assert path.read_text() == "Dear\nJohn\n"
    written(tmp_path / "there", "csv", row(1))
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "there", "csv").start(CLASSES)


@FORMATS
def test_a_name_that_is_not_utf_8_has_a_row_and_can_be_resumed(tmp_path, format_):
    name = printable_path(Path(os.fsdecode(b"R\xf6ntgen.png")))
    path = tmp_path / "out"
    written(path, format_, row(1, file=name))
    journal = resumed(path, format_)
    assert journal.known(row(1).sha256).file == name == r"R\xf6ntgen.png"
    journal.close()


def saved_by_a_spreadsheet(path, **dialect):
    lines = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, lineterminator="\r\n", **dialect).writerows(lines)


def test_a_csv_that_a_spreadsheet_saved_with_quotes_and_crlf_can_be_resumed(tmp_path):
    path = tmp_path / "out.csv"
    written(path, "csv", row(1), row(2))
    saved_by_a_spreadsheet(path, quoting=csv.QUOTE_ALL)
    journal = resumed(path, "csv")
    assert [journal.known(row(n).sha256) for n in (1, 2)] == [row(1), row(2)]
    journal.close()


def with_semicolons(path):
    saved_by_a_spreadsheet(path, delimiter=";")


def with_one_column_more(path):
    lines = path.read_text("utf-8-sig").splitlines()
    path.write_text("".join(f"{line},mine\n" for line in lines))


def in_another_encoding(path):
    path.write_bytes(path.read_bytes().replace(b"1.jpeg", b"\xf6.jpeg"))


@pytest.mark.parametrize("edit", [with_semicolons, with_one_column_more, in_another_encoding])
def test_a_file_that_cannot_be_resumed_is_refused_in_a_sentence_and_left_alone(tmp_path, edit):
    path = tmp_path / "out.csv"
    written(path, "csv", row(1))
    edit(path)
    before = path.read_bytes()
    journal = Journal(path, "csv")
    with pytest.raises(PneumoError, match=r"line \d is not a result of this command"):
        journal.resume("1", CLASSES, explained=False)
    journal.close()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_csv_has_a_column_per_class_and_no_cell_that_a_spreadsheet_computes(tmp_path):
    path = tmp_path / "out.csv"
    odd = row(2, file="=HYPERLINK(1).jpeg", probabilities={"viral": 0.5, "TB": 0.5})
    written(path, "csv", row(1), odd, row(3, file="'quoted.jpeg"))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    first, second, third = csv.DictReader(path.read_text("utf-8-sig").splitlines())
    assert first["viral"] == "0.5"
    assert first["warnings"] == "close_call no_window"
    assert second["file"] == "'=HYPERLINK(1).jpeg"
    assert second["other_probabilities"] == '{"TB": 0.5}'
    journal = resumed(path, "csv")
    assert journal.known(odd.sha256) == odd
    assert journal.known(third["sha256"]).file == "'quoted.jpeg"
    journal.close()
