"""The two programs that a soak runs: Locust, and the auditor that reads along."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from load.soak.verdict import Audited, Requests
from load.words import REFUSED

ROOT = Path(__file__).parents[2]
STOP_S = 15
"""Time for requests under way when the load ends."""

_AUDIT_WAIT_S = 180
_FIGURES = ("accepted", "succeeded", "expired", "pending")
_BREACHES = ("lost", "contradicted")


class SoakError(Exception):
    """The soak cannot be done; the message says what is in the way."""


@dataclass(frozen=True, slots=True)
class Load:
    """What Locust is told. clients: predicting ones at the top."""

    url: str
    shape: str
    clients: int
    run_s: int
    retrain_at_s: float


def demand_auditor() -> None:
    """Raise SoakError where there is no auditor: without one, a soak proves nothing."""
    if importlib.util.find_spec("operations") is None:
        raise SoakError("The auditor is not installed (deploy/operations): make install brings it.")


def start_locust(load: Load, folder: Path) -> "subprocess.Popen[bytes]":
    """Start the load; its figures and its page will be in `folder`."""
    arguments: Sequence[object] = (
        *("--headless", "--only-summary", "-f", ROOT / "locustfile.py", "--host", load.url),
        *("--shape", load.shape, "--users", load.clients, "--run-time", f"{load.run_s}s"),
        *("--retrain-at", load.retrain_at_s, "--stop-timeout", STOP_S),
        *("--csv", folder / "locust", "--html", folder / "locust.html"),
    )
    command = [sys.executable, "-m", "locust", *map(str, arguments)]
    with (folder / "locust.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  our own arguments, no shell
            command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )


def start_auditor(broker: Mapping[str, str], run_s: int, folder: Path) -> "subprocess.Popen[bytes]":
    """Start reading the topics from now on, until the load is over and nothing is pending."""
    arguments = ("--since", "1s", "--follow", f"{run_s + STOP_S}s", "--wait", "--json")
    command = [sys.executable, "-m", "operations", "audit", *arguments]
    with (folder / "audit.json").open("wb") as out, (folder / "audit.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  our own arguments, no shell
            command,
            env={**os.environ, **broker},
            stdout=out,
            stderr=log,
        )


def read_audit(auditor: "subprocess.Popen[bytes]", folder: Path) -> Audited:
    """Wait for the auditor's end, and give what it said. Raises SoakError if it said nothing."""
    try:
        status = auditor.wait(_AUDIT_WAIT_S)
        report = json.loads((folder / "audit.json").read_text())
    except (subprocess.TimeoutExpired, ValueError):
        auditor.kill()
        raise SoakError(f"the auditor told nothing: {_last_line(folder / 'audit.log')}") from None
    figures = [f"{report[name]} {name}" for name in _FIGURES]
    breaches = [f"{len(report[name])} {name}" for name in _BREACHES]
    sound = status == 0 and report["sound"]
    return Audited(sound, report["accepted"], ", ".join(figures + breaches))


def read_requests(folder: Path) -> Requests:
    """Read what Locust counted. Raises SoakError if it counted nothing."""
    path = folder / "locust_stats.csv"
    if not path.exists():
        raise SoakError(f"Locust counted nothing: {_last_line(folder / 'locust.log')}")
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    with (folder / "locust_failures.csv").open(newline="") as lines:
        refused = [row for row in csv.DictReader(lines) if REFUSED in row["Error"]]
    predictions = [row for row in rows if row["Name"] == "/predict"]
    all_rows = [row for row in rows if row["Name"] != "Aggregated"]
    return Requests(
        sent=sum(int(row["Request Count"]) for row in all_rows),
        failed=sum(int(row["Failure Count"]) for row in all_rows),
        refused=sum(int(row["Occurrences"]) for row in refused),
        predictions=sum(int(row["Request Count"]) for row in predictions),
        p99_s=max((float(row["99%"]) / 1e3 for row in predictions), default=0.0),
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
