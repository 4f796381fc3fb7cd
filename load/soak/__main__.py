"""`python -m load.soak --minutes 30`: exit 0 if the soak passed, 1 if not, 2 if it could not be."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.stack.record import broker_variables, running_settings
from embedded.stack.settings import StackSettings
from load.shapes import Shape
from load.soak.objective import latency_objective_s
from load.soak.processes import StackProcesses
from load.soak.programs import ROOT, Load, SoakError
from load.soak.report import lines, page
from load.soak.run import Plan, soak
from load.soak.verdict import OBJECTIVE_S, Wanted, has_passed

FAILED, IMPOSSIBLE = 1, 2
_RETRAIN_AT, _KILL_AT = 1 / 3, 1 / 2
_WARM_UP = 0.2
_SHARE = 0.6
_CLIENTS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak the running stack and leave a report."""
    given = _parser().parse_args(arguments)
    try:
        settings = running_settings(StackSettings())
        broker = broker_variables(StackSettings())
    except EmbeddedError as error:
        _say(str(error))
        return IMPOSSIBLE
    folder = given.out or settings.data / "soak" / time.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True, exist_ok=True)
    plan = _plan(given, settings, broker, folder)
    _say(f"{plan.load.shape} of {given.minutes:g} min at {plan.load.url} ...")
    try:
        checks = soak(plan, StackProcesses(settings), _say)
    except SoakError as error:
        _say(str(error))
        return IMPOSSIBLE
    asked = f"{plan.share:.0%} of capacity" if plan.share else f"{plan.load.clients} clients"
    what = f"{plan.load.shape}, {given.minutes:g} minutes, {asked}"
    (folder / "index.html").write_text(page(what, checks))
    for line in lines(checks):
        _say(line)
    passed = has_passed(checks)
    _say(f"Soak {'passed' if passed else 'FAILED'}: {folder / 'index.html'}")
    return 0 if passed else FAILED


def _plan(
    given: argparse.Namespace, settings: StackSettings, broker: Mapping[str, str], folder: Path
) -> Plan:
    run_s = round(given.minutes * 60)
    retrain_at_s = 0.0 if given.no_retrain else run_s * _RETRAIN_AT
    objective_s = latency_objective_s(ROOT / "docs" / "slo.md") or OBJECTIVE_S
    return Plan(
        load=Load(
            url=given.url or f"http://127.0.0.1:{settings.gateway_port}",
            shape=given.shape,
            clients=given.clients or _CLIENTS,
            run_s=run_s,
            retrain_at_s=retrain_at_s,
        ),
        share=given.share if given.shape == Shape.SOAK and given.clients is None else 0.0,
        broker=broker,
        folder=folder,
        warm_up_s=run_s * _WARM_UP,
        kill_at_s=run_s * _KILL_AT if given.kill_worker else None,
        wanted=Wanted(given.p99 or objective_s, retrained=not given.no_retrain, run_s=run_s),
        key=os.environ.get("PNEUMO_API_KEY") or os.environ.get("PNEUMO_KEY"),
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, help="predicting clients at the top")
    parser.add_argument(
        "--share", type=float, default=_SHARE, help="of capacity, where a soak names no clients"
    )
    parser.add_argument("--shape", choices=[*Shape], default=Shape.SOAK)
    parser.add_argument("--url", help="the gateway; by default the embedded stack's")
    parser.add_argument("--p99", type=float, help="seconds; by default what docs/slo.md promises")
    parser.add_argument("--out", type=Path, help="folder of the report")
    parser.add_argument("--no-retrain", action="store_true", help="ask for no training")
    parser.add_argument("--kill-worker", action="store_true", help="end one worker at half-time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
