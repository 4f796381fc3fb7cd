"""`dlq` and `audit`: they read Kafka itself, by a package that is installed beside the broker."""

import importlib.util
import subprocess
import sys

import typer

from pneumo.cli.ending import Exit
from pneumo.cli.output import say

_HOW = (
    "It reads Kafka itself, with a package that is not installed here. In a checkout of "
    "PneumoStream: make {command}, or pip install -e shared -e deploy/operations; "
    "KAFKA_BOOTSTRAP_SERVERS says where the broker is."
)

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Every argument is the other program's, --help too."""


def dlq(context: typer.Context) -> None:
    """Dead letters: list, show, redrive, purge (needs Kafka, and the package `operations`)."""
    _run("dlq", context.args)


def audit(context: typer.Context) -> None:
    """Tell whether every accepted request was answered (needs Kafka, and `operations`)."""
    _run("audit", context.args)


def _run(command: str, arguments: list[str]) -> None:
    if importlib.util.find_spec("operations") is None:
        say(f"pneumo {command}: {_HOW.format(command=command)}")
        raise typer.Exit(Exit.USAGE)
    line = [sys.executable, "-m", "operations", command, *arguments]
    raise typer.Exit(subprocess.run(line, check=False).returncode)  # noqa: S603  no shell
