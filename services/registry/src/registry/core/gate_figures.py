"""Which figures of a gate's report are metrics."""

from collections.abc import Mapping
from typing import Literal

from shared.contracts.train import GateReport

Contestant = Literal["current", "candidate"]

FIGURES = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "class_accuracy",
    "class_accuracy_at_rule",
)
"""Shares of which more is better. The classes' own are in the job: there is no end of classes."""


def shown_figures(gate: GateReport) -> Mapping[tuple[str, Contestant], float]:
    """Give the figures of both models that are in the list, by figure and model."""
    told: Mapping[Contestant, Mapping[str, float]] = {
        "current": gate.current,
        "candidate": gate.candidate,
    }
    return {
        (name, model): figures[name]
        for model, figures in told.items()
        for name in FIGURES
        if name in figures
    }
