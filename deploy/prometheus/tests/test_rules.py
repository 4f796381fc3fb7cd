"""Rules ask for what exists, say what to do, and every alert is seen to fire and to stay silent.

What only promtool can tell is skipped, aloud, where it is not: `make rules` insists on it.
"""

import copy
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import promql_parser
import pytest
import yaml

from shared.observability.metric_names import METRIC_NAMES

HERE = Path(__file__).parent
FOLDER = HERE.parent
REPOSITORY = HERE.parents[2]
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))
SERIES_FILES = sorted((HERE / "series").glob("*.test.yml"))
CONFIGURATIONS = sorted(FOLDER.glob("prometheus.*.yml"))
FOREIGN = {"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
"""Of Prometheus itself and of its node exporter."""
HEADINGS = [
    "## What it means",
    "## What to look at",
    "## What to do",
    "## How to check that it is over",
]
ALWAYS, NEVER = "vector(1)", "vector(0) > 1"


def groups():
    return [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]


RULES = [rule for group in groups() for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


def name_of(rule):
    labels = rule.get("labels", {})
    return ".".join([rule.get("alert") or rule["record"], *labels.values()])


def selectors(expression):
    """Give every selector of a parsed expression, whatever it lies in."""
    if isinstance(expression, promql_parser.VectorSelector):
        return [expression]
    inside = [getattr(expression, part, None) for part in ("expr", "lhs", "rhs", "vector_selector")]
    found = [*filter(None, inside), *getattr(expression, "args", [])]
    return list(itertools.chain.from_iterable(selectors(each) for each in found))


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_rule_parses_and_asks_for_metrics_that_exist(rule):
    asked = {selector.name for selector in selectors(promql_parser.parse(rule["expr"]))}
    assert asked
    # A histogram is asked for by its parts.
    parts = {f"{name}_{part}" for name in METRIC_NAMES for part in ("bucket", "count", "sum")}
    assert asked <= METRIC_NAMES | parts | RECORDED | FOREIGN


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()
    assert rule["annotations"]["runbook"] == f"docs/runbooks/{kebab}.md"
    page = (REPOSITORY / rule["annotations"]["runbook"]).read_text()
    assert re.findall(r"^## .*", page, re.MULTILINE) == HEADINGS


def expectations():
    for path in SERIES_FILES:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for check in test["alert_rule_test"]:
                yield check["alertname"], [e["exp_labels"] for e in check["exp_alerts"]]


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_is_expected_to_fire_and_expected_not_to(rule):
    mine = [fired for name, fired in expectations() if name == rule["alert"]]
    is_mine = [any(rule["labels"].items() <= labels.items() for labels in fired) for fired in mine]
    assert any(is_mine)
    assert not all(is_mine)


# --- with promtool -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def promtool():
    """Give a runner of promtool: on PATH, or built by `make promtool` beside this Python."""
    beside = Path(sys.executable).with_name("promtool")
    path = str(beside) if beside.exists() else shutil.which("promtool")
    if path is None:
        pytest.skip("NO PROMTOOL: rules were parsed, not tried. `make promtool rules` tries them.")

    def run(*words, cwd=FOLDER):
        return subprocess.run(
            [path, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_promtool_accepts_the_configuration_and_every_rule(promtool, path):
    done = promtool("check", "config", "--lint-fatal", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULE_FILES)} rule files found" in done.stdout


@pytest.mark.parametrize("path", SERIES_FILES, ids=lambda path: path.name)
def test_alerts_fire_and_stay_silent_as_expected(promtool, path):
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def written_for(rule, expression, folder):
    """Write the tests that ask for this alert, and nothing but its rules, one of them changed."""
    changed = copy.deepcopy([each for each in ALERTS if each["alert"] == rule["alert"]])
    for each in changed:
        if name_of(each) == name_of(rule):
            each["expr"] = expression or each["expr"]
    recording = [group for group in groups() if any("record" in each for each in group["rules"])]
    needed = recording if "pneumo:" in rule["expr"] else []
    only = {"groups": [*needed, {"name": "changed", "rules": changed}]}
    (folder / "rules.yml").write_text(json.dumps(only))
    tests = []
    for path in SERIES_FILES:
        whole = yaml.safe_load(path.read_text())
        for test in whole["tests"]:
            checks = [c for c in test["alert_rule_test"] if c["alertname"] == rule["alert"]]
            if checks:
                tests.append(test | {"alert_rule_test": checks})
    suite = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yml").write_text(json.dumps(suite))
    return folder / "tests.yml"


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_that_never_or_always_fires_is_found_out(promtool, rule, tmp_path):
    for expression, found_out in ((None, False), (NEVER, True), (ALWAYS, True)):
        done = promtool("test", "rules", written_for(rule, expression, tmp_path), cwd=tmp_path)
        assert (done.returncode != 0) == found_out, f"{expression}: {done.stdout}{done.stderr}"
