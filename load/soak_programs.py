"""The processes of a soak: Locust, the auditor, and those of the embedded stack."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded.errors import SupervisorError
from embedded.stack.programs import WORKER
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord
from load.shapes import REFUSED
from load.verdict import LocustRequests, MemoryGrowth, SoakAudit, fit_growth

ROOT = Path(__file__).parents[1]
STOP_S = 15
"""Seconds for requests in flight when the load ends."""

_AUDIT_WAIT_S = 180
_FIGURES = ("accepted", "succeeded", "expired", "pending")
_BREACHES = ("lost", "contradicted")


class SoakError(Exception):
    """The soak is impossible; the message says why."""


@dataclass(frozen=True, slots=True)
class LocustOptions:
    """clients: number of predicting users at the top."""

    url: str
    shape: str
    clients: int
    run_s: int
    retrain_at_s: float


def ensure_auditor() -> None:
    """Raise SoakError where the auditor is not installed: without it, a soak proves nothing."""
    if importlib.util.find_spec("operations") is None:
        raise SoakError("The auditor is not installed (deploy/operations): make install brings it.")


def start_locust(load: LocustOptions, folder: Path) -> "subprocess.Popen[bytes]":
    """Start the load; its figures and its page go to `folder`."""
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
    """Start reading the topics from now until the load is over and nothing is pending."""
    arguments = ("--since", "1s", "--follow", f"{run_s + STOP_S}s", "--wait", "--json")
    command = [sys.executable, "-m", "operations", "audit", *arguments]
    with (folder / "audit.json").open("wb") as out, (folder / "audit.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  our own arguments, no shell
            command,
            env={**os.environ, **broker},
            stdout=out,
            stderr=log,
        )


def read_audit(auditor: "subprocess.Popen[bytes]", folder: Path) -> SoakAudit:
    """Wait for the auditor and return its report. Raises SoakError."""
    try:
        status = auditor.wait(_AUDIT_WAIT_S)
        report = json.loads((folder / "audit.json").read_text())
    except (subprocess.TimeoutExpired, ValueError):
        auditor.kill()
        raise SoakError(
            f"the auditor reported nothing: {_last_line(folder / 'audit.log')}"
        ) from None
    figures = [f"{report[name]} {name}" for name in _FIGURES]
    breaches = [f"{len(report[name])} {name}" for name in _BREACHES]
    sound = status == 0 and report["sound"]
    return SoakAudit(sound, report["accepted"], ", ".join(figures + breaches))


def read_requests(folder: Path) -> LocustRequests:
    """Return what Locust counted. Raises SoakError."""
    path = folder / "locust_stats.csv"
    if not path.exists():
        raise SoakError(f"Locust counted nothing: {_last_line(folder / 'locust.log')}")
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    with (folder / "locust_failures.csv").open(newline="") as lines:
        refused = [row for row in csv.DictReader(lines) if REFUSED in row["Error"]]
    predictions = [row for row in rows if row["Name"] == "/predict"]
    all_rows = [row for row in rows if row["Name"] != "Aggregated"]
    return LocustRequests(
        sent=sum(int(row["Request Count"]) for row in all_rows),
        failed=sum(int(row["Failure Count"]) for row in all_rows),
        refused=sum(int(row["Occurrences"]) for row in refused),
        predictions=sum(int(row["Request Count"]) for row in predictions),
        p99_s=max((float(row["99%"]) / 1e3 for row in predictions), default=0.0),
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"


Samples = dict[tuple[str, int], list[tuple[float, int]]]


class StackProcesses:
    """Resident memory of each process of the embedded stack; a restarted one has a new pid."""

    def __init__(self, settings: StackSettings) -> None:
        self._supervisord = Supervisord(settings.data)
        self._samples: Samples = {}

    def sample_memory(self, at_s: float) -> None:
        """Record every process's memory; nothing where no embedded stack runs."""
        for name, pid in self._pids().items():
            try:
                resident = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue  # it ended in between
            self._samples.setdefault((name, pid), []).append((at_s, resident))

    def ended_names(self) -> Sequence[str]:
        """Return the name of each process that was replaced, once per replacement."""
        seen = Counter(name for name, _ in self._samples)
        return sorted(name for name, pids in seen.items() for _ in range(pids - 1))

    def write_csv(self, path: Path) -> None:
        """Write every sample as CSV, so that a one-off jump can be told from a leak."""
        with path.open("w", newline="") as stream:
            lines = csv.writer(stream)
            lines.writerow(("seconds", "process", "pid", "resident_bytes"))
            for (name, pid), samples in sorted(self._samples.items()):
                lines.writerows((round(at_s, 1), name, pid, size) for at_s, size in samples)

    def kill_a_worker(self) -> str | None:
        """SIGKILL one worker and return its name; None if there is none."""
        workers = {n: pid for n, pid in self._pids().items() if n.startswith(WORKER)}
        if not workers:
            return None
        name, pid = min(workers.items())
        os.kill(pid, signal.SIGKILL)
        return name

    def growths(self, warm_up_s: float) -> Sequence[MemoryGrowth]:
        """Return the line of every process that lived longer than its warm-up."""
        lines = (
            fit_growth(f"{name} ({pid})", samples, warm_up_s)
            for (name, pid), samples in sorted(self._samples.items())
        )
        return [line for line in lines if line is not None]

    def _pids(self) -> Mapping[str, int]:
        try:
            states = self._supervisord.processes()
        except SupervisorError:
            return {}
        return {name: state.pid for name, state in states.items() if state.is_up}
