"""The command line of the embedded stack. The Makefile calls these."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from embedded.errors import EmbeddedError
from embedded.stack import operations
from embedded.stack.background import up_in_background
from embedded.stack.forget import forget
from embedded.stack.programs import REGISTRY
from embedded.stack.record import program_environment, registry_environment, running_settings
from embedded.stack.reporter import Reporter
from embedded.stack.settings import StackSettings
from embedded.stack.up import up

FAILED = 1
MISUSED = 2
MAX_WORKERS = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 if it did what it says, 1 with one sentence if it could not."""
    reporter = Reporter()
    given = _parser().parse_args(arguments)
    try:
        settings = StackSettings()
    except ValidationError as error:
        reporter.failure(EmbeddedError(_sentence(error)))
        return MISUSED
    try:
        _run(given, settings, reporter)
    except EmbeddedError as error:
        reporter.failure(error)
        return FAILED
    except KeyboardInterrupt:  # of logs --follow; `up` has its own
        return 0
    return 0


def _run(given: argparse.Namespace, settings: StackSettings, reporter: Reporter) -> None:
    match given.command:
        case "up" if given.background:
            up_in_background(settings, reporter)
        case "up":
            up(settings, reporter)
        case "down":
            operations.down(settings, reporter)
        case "forget":
            forget(settings.data, reporter, is_confirmed=given.yes)
        case "exec":
            environment = registry_environment if given.module == REGISTRY else program_environment
            _execute([given.module, *given.arguments], environment(settings))
        case _:
            _run_on_stack(given, running_settings(settings), reporter)


def _run_on_stack(given: argparse.Namespace, running: StackSettings, reporter: Reporter) -> None:
    match given.command:
        case "status":
            operations.status(running, reporter)
        case "logs":
            operations.logs(running, reporter, service=given.service, follow=given.follow)
        case "restart":
            operations.restart(running, reporter, given.name)
        case "scale":
            operations.scale(running, reporter, given.workers)


def _execute(command: Sequence[str], environment: Mapping[str, str]) -> None:
    python = sys.executable
    os.execve(python, [python, "-m", *command], environment)  # noqa: S606 - one of our own modules


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything, stay until Ctrl-C")
    start.add_argument("--background", action="store_true", help="return when it is ready")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="show what runs")
    logs = commands.add_parser("logs", help="show the last lines of the logs")
    logs.add_argument("service", nargs="?", default=None)
    logs.add_argument("--follow", action="store_true")
    restart = commands.add_parser("restart", help="restart one program")
    restart.add_argument("name")
    scale = commands.add_parser("scale", help="change the number of inference workers")
    scale.add_argument("workers", type=_worker_count, metavar="1..64")
    delete = commands.add_parser("forget", help="delete all that the stack keeps")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    execute = commands.add_parser("exec", help="run a module with the running stack's variables")
    execute.add_argument("module")
    execute.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


def _worker_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_WORKERS}")
    return int(text)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]).upper() if first["loc"] else "a setting"
    name = (
        name
        if name.startswith(("KAFKA_", "PNEUMO_", "WORKERS", "SAMPLE", "OBSERVE", "UI"))
        else f"PNEUMO_{name}"
    )
    return f"{name}={first['input']} is not usable: {first['msg']}."
