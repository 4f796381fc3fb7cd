"""`up` over stand-ins: the same table of programs, each command replaced by stand_in.py."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.stack.programs import Program, service_programs
from embedded.stack.reporter import Reporter
from embedded.stack.settings import StackSettings
from embedded.stack.up import up

STAND_IN = Path(__file__).with_name("stand_in.py")


def stand_ins(settings: StackSettings) -> Sequence[Program]:
    broken = sys.argv[1:]
    return [
        dataclasses.replace(program, command=_command(program, broken=program.name in broken))
        for program in service_programs(settings)
    ]


def _command(program: Program, *, broken: bool) -> Sequence[str]:
    if broken:
        return (sys.executable, "-c", "raise SystemExit('broken on purpose')")
    return (sys.executable, str(STAND_IN), str(program.ports[0].number))


if __name__ == "__main__":
    reporter = Reporter()
    try:
        up(StackSettings(), reporter, services=stand_ins)
    except EmbeddedError as error:
        reporter.failure(error)
        raise SystemExit(1) from None
