"""The gate's tables: which classes a figure or a check covers, and figures without an image."""

from pneumo import Gate
from ui.core.gates import gate_checks, gate_figures, gate_sentence

KNOWN = {f"{kind}_{name}": 0.9 for name in "abc" for kind in ("precision", "recall", "f1")}


def check(name, *, passed=True) -> dict[str, object]:
    return {"name": name, "value": 0.0, "bound": 0.01, "relation": "<=", "passed": passed}


GATE = Gate.model_validate(
    {
        "accepted": False,
        "current_version": "1",
        "images": 20,
        "current": {"accuracy": 0.8, "class_accuracy": 0.7, "ece": 0.02} | KNOWN,
        "candidate": {"accuracy": 0.81, "class_accuracy": 0.6}
        | KNOWN
        | {"precision_TB": 0.0, "f1_TB": 0.0},
        "checks": [
            check("ece_difference"),
            check("accuracy_difference_lower", passed=False),
            check("sensitivity_difference_lower"),
            check("recall_difference_a"),
            check("recall_TB"),
            check("of_another_trainer"),
        ],
    }
)


def test_the_gate_sets_old_beside_new_and_says_which_classes_a_figure_covers():
    rows = {row["Figure"]: row for row in gate_figures(GATE)}
    assert rows["accuracy"] == {
        "Figure": "accuracy",
        "Covers": "finding or not",
        "Current": "0.800",
        "Candidate": "0.810",
        "Change": "+0.010",
    }
    assert rows["class accuracy"]["Covers"] == "all 3 classes"
    assert rows["recall b"]["Covers"] == "b"
    assert rows["ece"]["Candidate"] == rows["ece"]["Change"] == "–"


def test_a_class_without_an_image_has_no_figure_and_the_row_says_why():
    rows = {row["Figure"]: row for row in gate_figures(GATE)}
    for name in ("precision TB", "f1 TB"):
        assert rows[name]["Candidate"] == "–"
        assert rows[name]["Covers"] == "TB: no image compared"


def test_failed_checks_come_first_and_each_says_what_it_covers():
    rows = gate_checks(GATE)
    assert [row["Held"] for row in rows] == ["NO"] + ["yes"] * 5
    covers = {row["Check"]: row["Covers"] for row in rows}
    assert covers == {
        "accuracy difference lower": "all 3 classes; lower bound of the change",
        "ece difference": "all 3 classes",
        "sensitivity difference lower": "finding or not; lower bound of the change",
        "recall difference a": "a",
        "recall TB": "TB, the new class",
        "of another trainer": "–",
    }
    assert "1 check did not hold" in gate_sentence(GATE)
