"""The gate's report as rows: each figure and each check with the classes and images it covers."""

from collections.abc import Mapping

from pneumo import Gate, GateCheck
from ui.core.wording import MISSING, change, count_of, figure, spoken

Row = Mapping[str, str]

_FINDING = "finding or not"
_BINARY = frozenset(
    ("auc", "accuracy", "sensitivity", "specificity", "balanced_accuracy", "binary_ece")
)
_OF_A_CLASS = ("precision_", "recall_", "f1_")
_RELATIONS: Mapping[str, str] = {">=": "at least", "<=": "at most"}
_CHECKS: Mapping[str, str] = {
    "sensitivity_difference_lower": f"{_FINDING}; lower bound of the change",
    "int8_accuracy_drop": "all classes; float model against its int8 file",
    "golden_error": "the bundle's golden images",
    "upload_label_agreement": "all classes; new uploads only",
}


def gate_figures(gate: Gate) -> list[Row]:
    """Set the figures of both models side by side, on the same images."""
    names = dict.fromkeys((*gate.current, *gate.candidate))
    return [_compared(name, gate) for name in names]


def gate_checks(gate: Gate) -> list[Row]:
    """Give each condition with its bound, and whether it held; failures come first."""
    ordered = sorted(gate.checks, key=lambda check: check.passed)
    return [
        {
            "Check": spoken(check.name),
            "Covers": _covered_by_check(check, gate),
            "Value": figure(check.value),
            "Must be": f"{_RELATIONS.get(check.relation, check.relation)} {figure(check.bound)}",
            "Held": "yes" if check.passed else "NO",
        }
        for check in ordered
    ]


def gate_sentence(gate: Gate) -> str:
    """Return what the gate found."""
    failed = sum(not check.passed for check in gate.checks)
    outcome = (
        "and every check held: the candidate is at least as good"
        if gate.accepted
        else f"and {count_of(failed, 'check')} did not hold"
    )
    return (
        f"Old ({gate.current_version}) and new answered the same {count_of(gate.images, 'image')}, "
        f"{outcome}."
    )


def _compared(name: str, gate: Gate) -> Row:
    if _has_no_examples(name, gate):
        old = new = None
    else:
        old, new = gate.current.get(name), gate.candidate.get(name)
    difference = None if old is None or new is None else new - old
    return {
        "Figure": spoken(name),
        "Covers": _covered_by_figure(name, gate),
        "Current": figure(old),
        "Candidate": figure(new),
        "Change": change(difference),
    }


def _has_no_examples(name: str, gate: Gate) -> bool:
    """Return whether a class's figures rest on no image; its recall is then left out."""
    class_ = _class_of(name)
    recall = f"recall_{class_}"
    return class_ is not None and not (recall in gate.current or recall in gate.candidate)


def _class_of(name: str) -> str | None:
    prefix = next((each for each in _OF_A_CLASS if name.startswith(each)), None)
    return None if prefix is None else name.removeprefix(prefix)


def _covered_by_figure(name: str, gate: Gate) -> str:
    class_ = _class_of(name)
    if class_ is not None:
        return f"{class_}: no image compared" if _has_no_examples(name, gate) else class_
    return _FINDING if name in _BINARY else _all_classes(gate)


def _covered_by_check(check: GateCheck, gate: Gate) -> str:
    if check.name == "accuracy_difference_lower":
        return f"{_all_classes(gate)}; lower bound of the change"
    if check.name == "ece_difference":
        return _all_classes(gate)
    if check.name.startswith("recall_difference_"):
        return check.name.removeprefix("recall_difference_")
    if check.name.startswith("recall_"):
        return f"{check.name.removeprefix('recall_')}, the new class"
    return _CHECKS.get(check.name, MISSING)


def _all_classes(gate: Gate) -> str:
    """Name the classes that both models know: only images of these are compared."""
    known = sum(name.startswith("precision_") for name in gate.current)
    return f"all {count_of(known, 'class', 'classes')}" if known else "all classes"
