"""`python -m grafana build | check | ask URL`."""

import argparse
import sys
from collections.abc import Sequence

from grafana.asking import PrometheusError, ask
from grafana.boards import BOARDS
from grafana.empty import why_empty
from grafana.files import asked, stale, write

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
    answers = list(ask(url, asked(), window_s=window_s, rate_window_s=rate_window_s))
    empty = [answer.asked for answer in answers if not answer.series]
    unexplained = 0
    for each in empty:
        reason = why_empty(each.query)
        unexplained += reason is None
        _say(f"empty  {each.board} · {each.panel}\n       {reason or f'NO REASON: {each.query}'}")
    _say(
        f"{len(answers) - len(empty)} of {len(answers)} queries have data; "
        f"{len(empty) - unexplained} are empty with a reason, {unexplained} without."
    )
    return FAILED if unexplained else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="write grafana/dashboards/*.json")
    commands.add_parser("check", help="tell whether they are up to date")
    asking = commands.add_parser("ask", help="put every panel's PromQL to a Prometheus")
    asking.add_argument("url", help="http://127.0.0.1:9090")
    asking.add_argument("--window", type=float, default=300, help="seconds that panels look back")
    asking.add_argument("--rate-window", type=int, default=60, help="seconds of a rate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
