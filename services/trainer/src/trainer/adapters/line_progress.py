"""Progress as JSON lines, for the process that started this one."""

from collections.abc import Sequence
from typing import Literal, TextIO

from shared.clock import Clock
from shared.contracts.train import EpochFigures
from trainer.core.history import Epoch, curves_of
from trainer.core.orders import JobLine

_LEAST_S = 0.5
_MOST = 0.99
"""What is still to be done is an estimate; only the result is the end."""


class LineProgress:
    """Writes a line at every stage, and between them twice a second at the most."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._started_s = self._told_s = clock.monotonic_s()
        self._phase = "starting"
        self._expected = self._done = 0
        self._state: Literal["running", "evaluating"] = "running"
        self._curves: tuple[EpochFigures, ...] = ()

    def expect(self, steps: int) -> None:
        """Say how many more pictures must go through a network."""
        self._expected = self._done + steps

    def stage(self, name: str) -> None:
        """Say what happens now."""
        self._phase = name
        self._tell()

    def evaluate(self) -> None:
        """Say that the candidate is being judged now."""
        self._state = "evaluating"
        self.stage("gate")

    def advance(self, steps: int) -> None:
        """Say that so many are done."""
        self._done += steps
        if self._clock.monotonic_s() - self._told_s >= _LEAST_S:
            self._tell()

    def learned(self, epochs: Sequence[Epoch]) -> None:
        """Say how training went so far; told with every line from now on."""
        self._curves = curves_of(epochs)

    def _tell(self) -> None:
        self._told_s = self._clock.monotonic_s()
        share = min(self._done / self._expected, _MOST) if self._expected else 0.0
        elapsed_s = self._told_s - self._started_s
        left_s = round(elapsed_s * (1 - share) / share, 1) if share else None
        line = JobLine(
            state=self._state,
            phase=self._phase,
            progress=round(share, 3),
            seconds_left=left_s,
            curves=self._curves,
        )
        self._stream.write(line.model_dump_json() + "\n")
        self._stream.flush()
