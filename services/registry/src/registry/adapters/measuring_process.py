"""Pictures measured by a process of their own; see `measuring`."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence

import orjson
from pydantic import ValidationError

from registry.ports import MeasuringError, Picture
from shared.contracts.insights import Measures

_PROGRAM = "registry.adapters.measuring"
_START_AND_END_S = 10.0
"""What the process may take beside its looking, on a machine that is busy."""


class MeasuringProcess:
    """A PictureMeasures port. seconds: how long it looks at the most."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    async def measure(self, classes: Sequence[str], pictures: Sequence[Picture]) -> Measures:
        """Measure as many as there is time for, in order; see the port."""
        order = orjson.dumps(
            {
                "classes": list(classes),
                "pictures": [{"path": str(one.path), "label": one.label} for one in pictures],
                "seconds": self._seconds,
            }
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _PROGRAM, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
        except OSError as error:
            raise MeasuringError("the measuring process did not start") from error
        try:
            async with asyncio.timeout(self._seconds + _START_AND_END_S):
                told, _ = await process.communicate(order)
        except TimeoutError as error:
            raise MeasuringError("the measuring process took too long") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            return Measures.model_validate_json(told)
        except ValidationError as error:
            raise MeasuringError(f"the measuring process ended {process.returncode}") from error
