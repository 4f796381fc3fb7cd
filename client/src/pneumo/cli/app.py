"""The root command, and all the others under it."""

from importlib.metadata import version as version_of
from typing import Annotated

import typer

from pneumo.answers import DISCLAIMER
from pneumo.cli import operations
from pneumo.cli.address import Address
from pneumo.cli.bench import bench
from pneumo.cli.dataset import dataset_app
from pneumo.cli.jobs import jobs_app, retrain
from pneumo.cli.models import models_app
from pneumo.cli.predict import predict
from pneumo.cli.system import status
from pneumo.cli.uploads import upload
from pneumo.connection import DEFAULT_URL, DISTRIBUTION, KEY_VARIABLE, URL_VARIABLE

_HELP = f"""Pneumonia detection on chest radiographs, from the command line. {DISCLAIMER}

--url and --key may stand anywhere on the line.

Exit codes: 0 all good, 1 some failed, 2 usage, 3 unreachable or overloaded, 4 refused by the
gateway, 5 rejected by the gate, 6 cancelled, 130 interrupted.
"""


def new_app() -> typer.Typer:
    """Make the command line."""
    app = typer.Typer(help=_HELP, pretty_exceptions_enable=False, no_args_is_help=True)
    app.callback()(_root)
    for command in (predict, upload, retrain, status, bench):
        app.command()(command)
    for passed_on in (operations.dlq, operations.audit):
        app.command(context_settings=dict(operations.PASSED_ON))(passed_on)
    app.add_typer(dataset_app, name="dataset")
    app.add_typer(jobs_app, name="jobs")
    app.add_typer(models_app, name="models")
    return app


def _show_version(asked: bool) -> None:  # noqa: FBT001  Typer calls it
    if asked:
        typer.echo(f"pneumo {version_of(DISTRIBUTION)}")
        raise typer.Exit


def _root(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(envvar=URL_VARIABLE, help=f"The gateway's address (default {DEFAULT_URL})."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar=KEY_VARIABLE,
            show_envvar=True,
            help="An API key; the variable keeps it out of the process list.",
        ),
    ] = None,
    _version: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    context.obj = Address(url, key)
