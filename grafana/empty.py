"""Which panels may be empty on a healthy system that has just started, and why."""

from collections.abc import Mapping

from grafana.missing import MISSING

EMPTY: Mapping[str, str] = {
    "How full are the disks?": "a node exporter is optional",
    "How did jobs end?": "no job has been asked for",
}
"""By a panel's title."""


def why_empty(panel: str, query: str) -> str | None:
    """Give the reason why a query may find nothing; None if it should find something."""
    absent = [metric for metric in MISSING if metric in query]
    if absent:
        return f"{absent[0]}: {MISSING[absent[0]]}"
    return EMPTY.get(panel)
