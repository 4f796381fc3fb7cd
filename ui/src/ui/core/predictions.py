"""One answer, or many, as sentences, table rows and CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from pneumo import PneumoError, Prediction, describe_warning, is_minor_warning
from pneumo.bulk.rows import Row, answered, csv_columns
from ui.core.wording import count_of, percent

_LISTED = 5
"""Failures named above the table, whose last column a narrow screen does not show at first."""
_OUT_OF_DOMAIN = (
    "**Do not use this answer.** The model does not know images like this one; "
    "its numbers are not calibrated here."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A file and what came of it: an answer, or the gateway's words why there is none."""

    filename: str
    answer: Prediction | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Caution:
    """What must be said before the answer. is_serious: the answer is of no use."""

    text: str
    is_serious: bool


def cautions(answer: Prediction) -> tuple[Caution, ...]:
    """Return every warning as a sentence, the most serious first."""
    codes = sorted(answer.warnings, key=is_minor_warning)
    found = tuple(
        Caution(describe_warning(code), is_serious=not is_minor_warning(code)) for code in codes
    )
    return found if answer.in_domain else (Caution(_OUT_OF_DOMAIN, is_serious=True), *found)


def probability_name(answer: Prediction) -> str:
    """Return what the numbers may be called: calibrated only for images the model knows."""
    return "Calibrated probability" if answer.in_domain else "Model output (not calibrated)"


def summary(answer: Prediction) -> str:
    """Return the answer as a sentence, and why the label may not be the likeliest class."""
    name = probability_name(answer)
    said = f"{answer.label}: {name[0].lower()}{name[1:]} {percent(answer.confidence)}."
    likeliest = max(answer.probabilities, key=lambda name: answer.probabilities[name])
    if likeliest == answer.label:
        return said
    return (
        f"{said} {likeliest} alone has a larger value "
        f"({percent(answer.probabilities[likeliest])}): the label follows the model's decision "
        "threshold for any finding, not the largest single class."
    )


def failures(failed: Sequence[Asked]) -> str:
    """Return the files without an answer, each with its reason, as lines of Markdown."""
    lines = [f"- **{each.filename}**: {each.problem}" for each in failed[:_LISTED]]
    more = len(failed) - _LISTED
    if more > 0:
        lines.append(f"- and {count_of(more, 'other file')}; the reasons are in the table")
    return "\n".join([f"{count_of(len(failed), 'file has', 'files have')} no answer:", *lines])


def rows(asked: Sequence[Asked]) -> list[dict[str, str]]:
    """Give the table of many: a row a file, in their order, each with the same columns."""
    classes = _classes(asked)
    return [_row(each, classes) for each in asked]


def as_csv(asked: Sequence[Asked]) -> str:
    """Return the columns that `pneumo predict --out` writes, with a byte order mark."""
    classes = _classes(asked)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(csv_columns(classes))
    writer.writerows(_csv_row(each).to_cells(classes) for each in asked)
    return "\ufeff" + out.getvalue()


def problem_of(error: PneumoError) -> str:
    """Give the gateway's own words, with the stable code where there is one."""
    return str(error)


def _classes(asked: Sequence[Asked]) -> list[str]:
    names: dict[str, None] = {}
    for each in asked:
        names |= dict.fromkeys(each.answer.probabilities if each.answer else ())
    return list(names)


def _row(each: Asked, classes: Sequence[str]) -> dict[str, str]:
    answer = each.answer
    if answer is None:
        blank = dict.fromkeys(classes, "")
        return {"File": each.filename, "Label": "no answer", **blank, "Notes": each.problem or ""}
    shares = {name: percent(answer.probabilities.get(name)) for name in classes}
    notes = " ".join(caution.text for caution in cautions(answer))
    return {"File": each.filename, "Label": answer.label, **shares, "Notes": notes}


def _csv_row(each: Asked) -> Row:
    if each.answer is None:
        return Row(file=each.filename, status="failed", detail=each.problem)
    return answered(each.filename, None, each.answer)
