"""`python -m grafana build | check | ask URL`."""

import argparse
import sys
from collections.abc import Sequence

from grafana.asking import PrometheusError, ask
from grafana.boards import BOARDS
from grafana.empty import why_empty, why_missing
from grafana.files import asked, stale, write
from grafana.rules import alerts, asked_by_rules

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the three; 0 if all is as it should be."""
    given = _parser().parse_args(arguments)
    if given.command == "build":
        changed = write(BOARDS)
        _say(f"written: {', '.join(changed) or 'nothing, all were up to date'}")
        return 0
    if given.command == "check":
        old = stale(BOARDS)
        _say(f"not up to date: {', '.join(old)}; make dashboards" if old else "up to date")
        return FAILED if old else 0
    try:
        return _ask(given.url, given.window, given.rate_window)
    except PrometheusError as error:
        _say(str(error))
        return FAILED


def _ask(url: str, window_s: float, rate_window_s: int) -> int:
    queries = [*asked(), *asked_by_rules()]
    answers = list(ask(url, queries, window_s=window_s, rate_window_s=rate_window_s))
    empty = [answer.asked for answer in answers if not answer.series]
    unexplained = 0
    for each in empty:
        reason = why_empty(each.query)
        unexplained += reason is None
        _say(f"empty  {each.board} · {each.panel}\n       {reason or f'NO REASON: {each.query}'}")
    wrong = [each.asked for each in answers if each.series and why_missing(each.asked.query)]
    for each in wrong:
        _say(f"DATA   {each.board} · {each.panel}\n       though missing.py has it: {each.query}")
    _say(
        f"{len(answers) - len(empty)} of {len(answers)} queries have data; "
        f"{len(empty) - unexplained} are empty with a reason, {unexplained} without."
    )
    whole = list(ask(url, alerts(), window_s=window_s, rate_window_s=rate_window_s))
    found = sum(bool(each.series) for each in whole)
    _say(f"{len(whole)} alerts are understood; {found} found something to say.")
    return FAILED if unexplained or wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="write grafana/dashboards/*.json")
    commands.add_parser("check", help="tell whether they are up to date")
    asking = commands.add_parser("ask", help="put all PromQL to a Prometheus")
    asking.add_argument("url", help="http://127.0.0.1:9090")
    asking.add_argument("--window", type=float, default=300, help="seconds that panels look back")
    asking.add_argument("--rate-window", type=int, default=60, help="seconds of a rate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
