"""A model's figures with their intervals, as rows."""

from collections.abc import Mapping

from pneumo.insights import Judged, TrainedOn
from ui.core.wording import MISSING, count_of, figure, number


def merit_rows(judged: Judged) -> list[Mapping[str, str]]:
    """Give each figure with its 95 % interval."""
    return [
        {
            "Figure": name.replace("_", " "),
            "Value": figure(value),
            "95 % interval": _interval(judged.intervals.get(name)),
        }
        for name, value in judged.figures.items()
    ]


def judged_sentence(judged: Judged) -> str:
    """Say on what the figures stand."""
    patients = "" if judged.patients is None else f" of {count_of(judged.patients, 'patient')}"
    note = f" {judged.note}" if judged.note else ""
    return f"{count_of(judged.examples, 'picture')}{patients}.{note}"


def learned_counts(trained: TrainedOn) -> list[int]:
    """Return how many images each class was learned from, uploads included."""
    return [each.images + each.uploads for each in trained.classes]


def learned_rows(trained: TrainedOn) -> list[Mapping[str, str]]:
    """Give what each class was learned from."""
    return [
        {
            "Class": each.name,
            "Images": number(each.images),
            "Patients": number(each.patients),
            "Uploads": number(each.uploads),
            "Together": number(each.images + each.uploads),
        }
        for each in trained.classes
    ]


def _interval(interval: tuple[float, float] | None) -> str:
    return MISSING if interval is None else f"{figure(interval[0])} to {figure(interval[1])}"
