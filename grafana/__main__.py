"""`python -m grafana build | check | ask URL`."""

import argparse
import sys
from collections.abc import Sequence

from grafana.dashboard_files import find_stale, panel_queries, write_dashboards
from grafana.query_check import (
    PrometheusQueryError,
    alert_queries,
    count_series,
    rule_queries,
    why_empty,
)

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; return 0, or 1 if a check failed."""
    given = _parser().parse_args(arguments)
    if given.command == "build":
        changed = write_dashboards()
        _say(f"written: {', '.join(changed) or 'nothing, all were up to date'}")
        return 0
    if given.command == "check":
        stale = find_stale()
        _say(f"not up to date: {', '.join(stale)}; make dashboards" if stale else "up to date")
        return FAILED if stale else 0
    try:
        return _check_queries(given.url, given.window, given.rate_window)
    except PrometheusQueryError as error:
        _say(str(error))
        return FAILED


def _check_queries(url: str, window_s: float, rate_window_s: int) -> int:
    queries = [*panel_queries(), *rule_queries()]
    counted = count_series(url, queries, window_s=window_s, rate_window_s=rate_window_s)
    empty = [each for each, series in counted if not series]
    unexplained = 0
    for each in empty:
        reason = why_empty(each.query)
        unexplained += reason is None
        _say(f"empty  {each.board} · {each.panel}\n       {reason or f'NO REASON: {each.query}'}")
    _say(
        f"{len(queries) - len(empty)} of {len(queries)} queries have data; "
        f"{len(empty) - unexplained} are empty with a reason, {unexplained} without."
    )
    alerts = list(
        count_series(url, alert_queries(), window_s=window_s, rate_window_s=rate_window_s)
    )
    found = sum(bool(series) for _, series in alerts)
    _say(f"{len(alerts)} alerts were parsed; {found} of them have series.")
    return FAILED if unexplained else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="write grafana/dashboards/*.json")
    commands.add_parser("check", help="fail if they are not up to date")
    check = commands.add_parser("ask", help="send all PromQL to a Prometheus")
    check.add_argument("url", help="http://127.0.0.1:9090")
    check.add_argument("--window", type=float, default=300, help="seconds that panels look back")
    check.add_argument("--rate-window", type=int, default=60, help="seconds of a rate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
