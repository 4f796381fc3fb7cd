"""What may be empty on a healthy system that has just started, and why; and what must be."""

from collections.abc import Mapping

from grafana import metrics as m
from grafana.missing import MISSING

EMPTY: Mapping[str, str] = {
    m.DISK_FREE: "a node exporter is optional",
    m.DISK_SIZE: "a node exporter is optional",
    f"max by (state) ({m.JOBS})": "no job has been asked for",
    f'{m.JOBS}{{state="queued"}}': "no job waits",
    f'{m.JOBS}{{state=~"running|evaluating"}}': "no job is under way",
    f'{m.JOBS}{{state=~"succeeded|rejected|failed|cancelled"}}': "no job has ended",
    m.JOB_STARTED: "no job is under way",
    m.JOB_PROGRESS: "no job is under way",
    m.PHASE_SECONDS: "no job went through a phase lately",
    m.SWAP_SECONDS: "no model was loaded lately",
    m.DRIFT_INDEX: "no worker has seen 200 images yet, or its bundle has no reference",
    m.GATE_FIGURE: "no candidate has been judged",
    f"{m.ERROR_RATIO}6h": "it is recorded every two minutes, and the first is still to come",
    f"{m.SLOW_RATIO}6h": "it is recorded every two minutes, and the first is still to come",
}
"""By a part of the query."""


def why_empty(query: str) -> str | None:
    """Give the reason why a query may find nothing; None if it should find something."""
    return why_missing(query) or _first(EMPTY, query)


def why_missing(query: str) -> str | None:
    """Give the reason why a query must find nothing: no service exports what it asks for."""
    return _first({name: f"{name}: {why}" for name, why in MISSING.items()}, query)


def _first(reasons: Mapping[str, str], query: str) -> str | None:
    return next((why for part, why in reasons.items() if part in query), None)
