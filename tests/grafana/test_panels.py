"""Every panel is one that somebody at three in the morning can use."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from grafana.dashboard_files import DASHBOARDS, panel_queries, read_panels
from grafana.query_check import EMPTY, rule_queries
from shared.observability.metric_names import METRIC_NAMES

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = ROOT / "deploy" / "prometheus" / "rules"
FILES = sorted(DASHBOARDS.glob("*.json"))
PANELS = [
    pytest.param(panel, id=f"{path.stem}-{panel['id']}")
    for path in FILES
    for panel in read_panels(path)
]
FOREIGN = {"up", "ALERTS", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
"""Prometheus's own metrics, and a node exporter's."""
PARTS_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")


def metrics_of(query: str) -> set[str]:
    """Names of metrics in PromQL: what is no function, label, keyword, or in quotes."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', " ", query)
    bare = re.sub(r"\b(by|on|group_left|without|ignoring)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w|\s*\()", bare)
    return {word for word in words if word not in {"or", "and", "unless", "bool", "on", "by"}}


def known_metrics() -> set[str]:
    recorded = re.findall(r"record: (\S+)", "".join(p.read_text() for p in RULES.glob("*.yml")))
    return {*METRIC_NAMES, *recorded, *FOREIGN}


def unknown(query: str) -> set[str]:
    named = {PARTS_OF_HISTOGRAMS.sub("", metric) for metric in metrics_of(query)}
    return named - known_metrics()


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_a_question_and_says_what_the_answer_means(panel):
    assert panel["title"].endswith("?")
    assert len(panel["description"]) > 20
    assert panel["targets"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_a_unit_and_thresholds_in_order(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    first, *others = defaults["thresholds"]["steps"]
    assert first["value"] is None
    values = [step["value"] for step in others]
    assert values
    assert values == sorted(values)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_leads_to_a_runbook_that_exists(panel):
    (link,) = panel["links"]
    page = link["url"].removeprefix("${runbooks}/")
    assert (RUNBOOKS / page).is_file(), page


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_names_only_metrics_that_exist(panel):
    for target in panel["targets"]:
        assert metrics_of(target["expr"])
        assert not unknown(target["expr"])


def test_a_metric_that_nobody_exports_is_seen():
    assert unknown("rate(pneumo_invented_total[5m])") == {"pneumo_invented_total"}
    assert unknown('sum by (le) (rate(pneumo_invented_seconds_bucket{le="1"}[5m]))') == {
        "pneumo_invented_seconds"
    }


def test_what_may_be_empty_is_asked_for():
    queries = "\n".join(each.query for each in [*panel_queries(), *rule_queries()])
    assert [part for part in EMPTY if part not in queries] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_fill_the_grid_and_do_not_overlap(path):
    places = [panel["gridPos"] for panel in read_panels(path)]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_questions_of_one_board_differ(path):
    titles = [panel["title"] for panel in read_panels(path)]
    assert len(set(titles)) == len(titles)
