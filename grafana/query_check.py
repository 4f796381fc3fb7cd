"""PromQL of panels and rules, sent to a Prometheus as Grafana would send it.

A healthy system fires no alert, so an alert as a whole proves nothing; each of its selectors must
find a series, or the alert can never fire.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import yaml

from grafana.dashboard_files import PromQuery

EMPTY: Mapping[str, str] = {
    "node_filesystem_avail_bytes": "a node exporter is optional",
    "node_filesystem_size_bytes": "a node exporter is optional",
    "max by (state) (pneumo_registry_jobs)": "no job has been asked for",
    'pneumo_registry_jobs{state="queued"}': "no job waits",
    'pneumo_registry_jobs{state=~"running|evaluating"}': "no job is under way",
    'pneumo_registry_jobs{state=~"succeeded|rejected|failed|cancelled"}': "no job has ended",
    "pneumo_trainer_job_started_timestamp_seconds": "no job is under way",
    "pneumo_trainer_job_progress": "no job is under way",
    "pneumo_trainer_phase_seconds": "no recent job went through a phase",
    "pneumo_model_swap_seconds": "no model was loaded recently",
    "pneumo_drift_index": "no worker has seen 200 images yet, or its bundle has no reference",
    "pneumo_registry_gate_figure": "no candidate has been judged",
    "pneumo:prediction_errors:ratio_rate6h": "recorded every two minutes, and not yet",
    "pneumo:prediction_slow:ratio_rate6h": "recorded every two minutes, and not yet",
}
"""Why a query may be empty on a healthy system that has just started, by a part of the query."""

RULES = Path(__file__).parents[1] / "deploy" / "prometheus" / "rules"
_INSIDE = ("expr", "lhs", "rhs", "vector_selector")
_STEP_S = 15
_TIMEOUT_S = 20


class PrometheusQueryError(Exception):
    """Prometheus is unreachable, or rejected a query."""


def why_empty(query: str) -> str | None:
    """Return why a query may be empty; None if it must have data."""
    return next((why for part, why in EMPTY.items() if part in query), None)


def count_series(
    url: str, queries: Iterable[PromQuery], *, window_s: float, rate_window_s: int
) -> Iterator[tuple[PromQuery, int]]:
    """Yield each query with its number of series that hold a number in the last `window_s` seconds.

    Grafana's variables are replaced. Raises PrometheusQueryError.
    """
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
        for each in queries:
            query = each.query.replace("$__rate_interval", f"{rate_window_s}s")
            yield each, _count(client, query, window_s)


def _count(client: httpx.Client, query: str, window_s: float) -> int:
    now = time.time()
    form = {"query": query, "start": now - window_s, "end": now, "step": _STEP_S}
    try:
        body = client.post("/api/v1/query_range", data=form).json()
    except (httpx.HTTPError, ValueError) as error:
        raise PrometheusQueryError(f"no Prometheus at {client.base_url}: {error}") from None
    if body.get("status") != "success":
        raise PrometheusQueryError(f"{body.get('error')}\n  in {query}")
    # 0 / 0 is a series to Prometheus and an empty panel to its reader.
    return sum(
        any(not math.isnan(float(value)) for _, value in series["values"])
        for series in body["data"]["result"]
    )


def rule_queries(folder: Path = RULES) -> Iterator[PromQuery]:
    """Yield recorded expressions whole, and each selector of an alert once."""
    for file, rule in _rules(folder):
        if "record" in rule:
            yield PromQuery(file, rule["record"], rule["expr"])
        else:
            for selector in dict.fromkeys(_selectors(promql_parser.parse(rule["expr"]))):
                yield PromQuery(file, rule["alert"], selector)


def alert_queries(folder: Path = RULES) -> Iterator[PromQuery]:
    """Yield every alert whole: it must parse, and may find nothing."""
    for file, rule in _rules(folder):
        if "alert" in rule:
            yield PromQuery(file, rule["alert"], rule["expr"])


def _rules(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield path.stem, rule


def _selectors(expression: Any) -> Iterator[str]:
    if isinstance(expression, promql_parser.VectorSelector):
        yield str(expression)
        return
    inside = [getattr(expression, part, None) for part in _INSIDE]
    for each in [*filter(None, inside), *getattr(expression, "args", [])]:
        yield from _selectors(each)
