import csv
import io

import pytest

from pneumo import Prediction
from ui.core.explanations import overlay_of, place_of
from ui.core.figures.style import class_colours
from ui.core.predictions import Asked, as_csv, cautions, failures, rows, summary

FOUR = ["COVID-19", "NORMAL", "bacterial", "viral"]


def answer(**fields) -> Prediction:
    said = {
        "id": "01",
        "label": "viral",
        "confidence": 0.7,
        "probabilities": {"NORMAL": 0.1, "bacterial": 0.2, "viral": 0.7},
        "model": {"name": "pneumonia", "version": "1"},
    }
    return Prediction.model_validate(said | fields)


def test_a_clear_answer_needs_no_caution():
    assert cautions(answer()) == ()
    assert summary(answer()) == "viral: calibrated probability 70.0 %."


def test_out_of_domain_is_said_first_and_a_close_call_last():
    warnings = ["close_call", "not_a_chest_radiograph", "a_word_of_a_later_gateway"]
    said = cautions(answer(in_domain=False, warnings=warnings))
    assert [caution.is_serious for caution in said] == [True, True, True, False]
    assert "Do not use this answer" in said[0].text
    assert "decision threshold" in said[-1].text
    assert said[2].text == "a_word_of_a_later_gateway"


def test_it_is_explained_why_the_likeliest_class_may_not_be_reported():
    shares = {"NORMAL": 0.38, "bacterial": 0.42, "viral": 0.2}
    said = summary(answer(label="NORMAL", confidence=0.38, probabilities=shares))
    assert "bacterial alone has a larger value (42.0 %)" in said
    assert "threshold" in said


def test_the_table_has_every_class_that_any_answer_has_and_the_gateways_own_words():
    fourth = answer(probabilities={"NORMAL": 0.1, "viral": 0.7, "TB": 0.2})
    table = rows([Asked("a", answer()), Asked("b", fourth), Asked("c", None, "It is damaged.")])
    assert [list(row) for row in table] == [
        ["File", "Label", "NORMAL", "bacterial", "viral", "TB", "Notes"]
    ] * 3
    assert table[0]["TB"] == "–"
    assert table[2]["Label"] == "no answer"
    assert table[2]["Notes"] == "It is damaged."


def test_files_without_an_answer_are_named_with_the_reason_a_few_at_most():
    failed = [Asked(f"{n}.txt", None, "It is damaged.") for n in range(6)]
    assert failures(failed[:1]) == "1 file has no answer:\n- **0.txt**: It is damaged."
    assert failures(failed).endswith("- and 1 other file; the reasons are in the table")


@pytest.mark.parametrize("name", ["=1+1.png", "+a", "-a", "@a", "\ta"])
def test_no_cell_of_the_csv_is_computed_by_a_spreadsheet(name):
    written = as_csv([Asked(name, answer()), Asked("b", None, "=cmd()")])
    assert written.startswith("\ufeff")
    header, first, second = csv.reader(io.StringIO(written[1:]))
    assert first[0] == f"'{name}"
    assert second[header.index("detail")] == "'=cmd()"
    assert len(header) == len(first) == len(second)
    assert first[header.index("viral")] == "0.7"
    assert second[header.index("label")] == ""


def explained(grid, overlay="iVBORw==") -> Prediction:
    part = {"method": "cam", "class": "viral", "grid": grid, "overlay": {"base64": overlay}}
    return answer(explanation=part)


@pytest.mark.parametrize(
    ("row", "column", "where"),
    [(0, 0, "upper left"), (1, 1, "middle of"), (2, 1, "lower centre"), (1, 2, "middle right")],
)
def test_where_the_evidence_lies_is_said_in_words(row, column, where):
    grid = [[0.0] * 3 for _ in range(3)]
    grid[row][column] = 5.0
    assert f"strongest in the {where}" in place_of(explained(grid))


def test_one_hot_cell_does_not_outweigh_a_warm_third():
    grid = [[0.0] * 9 for _ in range(9)]
    grid[8][0] = 5.0
    for row in (3, 4, 5):
        grid[row][3:6] = [3.0, 3.0, 3.0]
    assert "strongest in the middle of" in place_of(explained(grid))


def test_an_explanation_that_cannot_be_read_is_as_good_as_none():
    for broken in (answer(), answer(explanation={"grid": "?"}), explained([], overlay="no base64")):
        assert overlay_of(broken) is None
        assert place_of(broken) is None
    assert overlay_of(explained([[1.0]])) == b"\x89PNG"


def test_an_answer_out_of_domain_is_not_called_calibrated():
    said = summary(answer(in_domain=False))
    assert "not calibrated" in said
    assert "calibrated probability" not in said


@pytest.mark.parametrize("name", ["viral", "NORMAL", "bacterial"])
def test_a_class_keeps_its_colour_when_others_come_and_go(name):
    with_others = dict(zip(FOUR, class_colours(FOUR), strict=True))
    assert class_colours([name]) == [with_others[name]]
    assert len(set(with_others.values())) == len(FOUR)
