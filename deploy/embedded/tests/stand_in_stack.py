"""`up` over stand-ins: the same table of programs, each command replaced by stand_in.py."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.stack.background import up_in_background
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


def main(arguments: Sequence[str], reporter: Reporter) -> None:
    if "--background" in arguments:
        command = [sys.executable, __file__, *(each for each in arguments if each[0] != "-")]
        up_in_background(StackSettings(), reporter, command)
    else:
        up(StackSettings(), reporter, services=stand_ins)


if __name__ == "__main__":
    reporter = Reporter()
    try:
        main(sys.argv[1:], reporter)
    except EmbeddedError as error:
        reporter.failure(error)
        raise SystemExit(1) from None
