"""The harness's side of the load generator."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from bench.compare.closed_loop import Sample
from bench.compare.targets import Target


class LoadError(Exception):
    """A system did not answer as it must."""


class LoadGenerator:
    """Sends orders to the load process, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, target: Target, paths: Sequence[Path]) -> list[bytes]:
        """Ask for each image once. Raises LoadError."""
        self._order(do="ask", target=asdict(target), paths=[str(path) for path in paths])
        return [body.encode() for body in self._answer()["bodies"]]

    def measure(
        self,
        target: Target,
        paths: Sequence[Path],
        clients: int,
        seconds: float,
        on: Callable[[str], None] = lambda _: None,
    ) -> Sample:
        """Measure one cell; `on` is told when the window begins and ends. Raises LoadError."""
        self._order(
            do="measure",
            target=asdict(target),
            paths=[str(path) for path in paths],
            clients=clients,
            seconds=seconds,
        )
        while "event" in (answer := self._answer()):
            on(answer["event"])
        return Sample(**answer["sample"])

    def cpu_s(self) -> float:
        """CPU seconds that the load itself has taken so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LoadError(f"the load generator ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LoadError(answer["error"])
        return answer


@contextmanager
def load_generator() -> Iterator[LoadGenerator]:
    """Start the load process; it is ended afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.compare.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield LoadGenerator(process)
        finally:
            process.kill()
