"""A file of results: what is kept of it when a bulk goes on."""

import pytest

from pneumo import PneumoError
from pneumo.bulk.journal import Journal
from pneumo.bulk.rows import Row

FORMATS = pytest.mark.parametrize("format_", ["csv", "jsonl"])


def row(n, **more):
    told = {"file": f"{n}.jpeg", "sha256": f"{n:064}", "status": "succeeded", "model_version": "1"}
    answer = {
        "label": "viral",
        "confidence": 0.5,
        "probabilities": {"viral": 0.5},
        "in_domain": True,
    }
    return Row(**{**told, **answer, "warnings": ("blurred, or so",), **more})


def resumed(path, format_, version="1", *, explained=False):
    journal = Journal(path, format_)
    journal.resume(version, explained=explained)
    return journal


def written(path, format_, *rows):
    journal = Journal(path, format_)
    journal.start()
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
        Journal(tmp_path / "there", "csv").start()
