"""The embedded stack's processes: who they are, how much memory they have, and one's death."""

import csv
import os
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from embedded.errors import SupervisorError
from embedded.stack.programs import WORKER
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord
from load.soak.verdict import Growth, growth

Samples = dict[tuple[str, int], list[tuple[float, int]]]


class StackProcesses:
    """Resident memory of each process, followed through restarts: a new pid is a new line."""

    def __init__(self, settings: StackSettings) -> None:
        self._supervisord = Supervisord(settings.data)
        self._samples: Samples = {}

    def sample(self, at_s: float) -> None:
        """Note every process's memory; nothing where no embedded stack runs."""
        for name, pid in self._pids().items():
            try:
                resident = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue  # it ended in between
            self._samples.setdefault((name, pid), []).append((at_s, resident))

    def ended(self) -> Sequence[str]:
        """Give the name of each process that another one took the place of, once for each."""
        seen = Counter(name for name, _ in self._samples)
        return sorted(name for name, pids in seen.items() for _ in range(pids - 1))

    def write(self, path: Path) -> None:
        """Keep every sample, as CSV: a step and a slope are two stories."""
        with path.open("w", newline="") as stream:
            lines = csv.writer(stream)
            lines.writerow(("seconds", "process", "pid", "resident_bytes"))
            for (name, pid), samples in sorted(self._samples.items()):
                lines.writerows((round(at_s, 1), name, pid, size) for at_s, size in samples)

    def kill_a_worker(self) -> str | None:
        """End one worker as a power cut would, and give its name; None if there is none."""
        workers = {n: pid for n, pid in self._pids().items() if n.startswith(WORKER)}
        if not workers:
            return None
        name, pid = min(workers.items())
        os.kill(pid, signal.SIGKILL)
        return name

    def growths(self, warm_up_s: float) -> Sequence[Growth]:
        """Give the line of every process that lived longer than its warm-up."""
        lines = (
            growth(f"{name} ({pid})", samples, warm_up_s)
            for (name, pid), samples in sorted(self._samples.items())
        )
        return [line for line in lines if line is not None]

    def _pids(self) -> Mapping[str, int]:
        try:
            states = self._supervisord.processes()
        except SupervisorError:
            return {}
        return {name: state.pid for name, state in states.items() if state.is_up}
