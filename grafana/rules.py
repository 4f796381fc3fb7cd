"""What Prometheus' rules ask for: recorded expressions whole, alerts by their selectors.

An alert finds nothing while all is well, so whole it says nothing; each of its selectors must find
something, or the alert can never fire.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from grafana.files import Asked

RULES = Path(__file__).parents[1] / "deploy" / "prometheus" / "rules"
_INSIDE = ("expr", "lhs", "rhs", "vector_selector")


def asked_by_rules(folder: Path = RULES) -> Iterator[Asked]:
    """Give every expression, in the files' order; a selector once for each alert."""
    for path in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield from _asked(path.stem, rule)


def alerts(folder: Path = RULES) -> Iterator[Asked]:
    """Give every alert whole, which must be understood and may find nothing."""
    for path in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield Asked(path.stem, rule["alert"], rule["expr"])


def _asked(file: str, rule: dict[str, Any]) -> Iterator[Asked]:
    if "record" in rule:
        yield Asked(file, rule["record"], rule["expr"])
        return
    found = _selectors(promql_parser.parse(rule["expr"]))
    for selector in dict.fromkeys(found):
        yield Asked(file, rule["alert"], selector)


def _selectors(expression: Any) -> Iterator[str]:
    if isinstance(expression, promql_parser.VectorSelector):
        yield str(expression)
        return
    inside = [getattr(expression, part, None) for part in _INSIDE]
    for each in [*filter(None, inside), *getattr(expression, "args", [])]:
        yield from _selectors(each)
