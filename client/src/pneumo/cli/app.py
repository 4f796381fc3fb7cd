"""The root command, its subcommands, and the two that run another program."""

import importlib.util
import subprocess
import sys
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from pneumo.cli.address import Address
from pneumo.cli.bench import bench
from pneumo.cli.dataset import dataset_app
from pneumo.cli.exit_codes import ExitCode
from pneumo.cli.jobs import jobs_app, retrain
from pneumo.cli.models import models_app
from pneumo.cli.output import print_message
from pneumo.cli.predict import predict
from pneumo.cli.status import status
from pneumo.cli.uploads import upload
from pneumo.connection import DEFAULT_URL, DISTRIBUTION, KEY_VARIABLE, URL_VARIABLE
from pneumo.model_bases import DISCLAIMER

_HELP = f"""Pneumonia detection on chest radiographs, from the command line. {DISCLAIMER}

--url and --key are accepted at any position.

Exit codes: 0 success, 1 some failed, 2 usage, 3 unreachable or overloaded, 4 rejected by the
gateway, 5 rejected by the gate, 6 cancelled, 130 interrupted.
"""
_MISSING = (
    "This command reads Kafka with the package `operations`, which is not installed. In a checkout "
    "of PneumoStream: make {command}, or pip install -e shared -e deploy/operations; "
    "KAFKA_BOOTSTRAP_SERVERS is the address of the broker."
)
_FORWARDED = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Settings of a command whose arguments, --help too, are those of another program."""


def new_app() -> typer.Typer:
    """Return the command line."""
    app = typer.Typer(help=_HELP, pretty_exceptions_enable=False, no_args_is_help=True)
    app.callback()(_root)
    for command in (predict, upload, retrain, status, bench):
        app.command()(command)
    for forwarded in (dlq, audit):
        app.command(context_settings=dict(_FORWARDED))(forwarded)
    app.add_typer(dataset_app, name="dataset")
    app.add_typer(jobs_app, name="jobs")
    app.add_typer(models_app, name="models")
    return app


def dlq(context: typer.Context) -> None:
    """Dead letters: list, show, redrive, purge (needs Kafka, and the package `operations`)."""
    _run_operations("dlq", context.args)


def audit(context: typer.Context) -> None:
    """Check that every accepted request was answered (needs Kafka, and `operations`)."""
    _run_operations("audit", context.args)


def _run_operations(command: str, arguments: list[str]) -> None:
    if importlib.util.find_spec("operations") is None:
        print_message(f"pneumo {command}: {_MISSING.format(command=command)}")
        raise typer.Exit(ExitCode.USAGE)
    line = [sys.executable, "-m", "operations", command, *arguments]
    raise typer.Exit(subprocess.run(line, check=False).returncode)  # noqa: S603  no shell


def _show_version(requested: bool) -> None:  # noqa: FBT001  Typer calls it
    if requested:
        typer.echo(f"pneumo {version_of(DISTRIBUTION)}")
        raise typer.Exit


def _root(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(envvar=URL_VARIABLE, help=f"The gateway's URL (default {DEFAULT_URL})."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar=KEY_VARIABLE,
            show_envvar=True,
            help="The API key; the variable keeps it out of the process list.",
        ),
    ] = None,
    _version: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    context.obj = Address(url, key)
