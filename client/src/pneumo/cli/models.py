"""`models …`: list, show, promote and roll back model versions."""

from typing import Annotated

import typer

from pneumo.cli.address import address_of
from pneumo.cli.output import AsJson, format_time, print_json, print_table
from pneumo.models import Model

models_app = typer.Typer(
    help="List, show, promote and roll back model versions.", no_args_is_help=True
)

Version = Annotated[str, typer.Argument(help="The model version.")]
ShownVersion = Annotated[str, typer.Argument(help="The model version, or `current`.")]
_CURRENT = "current"


@models_app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:  # noqa: FBT002
    """List every version, oldest first."""
    with address_of(context).client() as client:
        models = client.models()
    if as_json:
        print_json(models)
        return
    columns = ("version", "state", "classes", "created", "promoted", "parent")
    rows = (
        (
            *(model.version, model.state, ", ".join(model.classes)),
            *(
                format_time(model.created_at_ms),
                format_time(model.promoted_at_ms),
                model.lineage.parent,
            ),
        )
        for model in models
    )
    print_table("Models", columns, rows)


@models_app.command()
def show(
    context: typer.Context,
    version: ShownVersion = _CURRENT,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show one version: its state, its metrics and the workers that serve it."""
    with address_of(context).client() as client:
        current = client.current_model()
        wanted = current.version if version == _CURRENT else version
        model = client.model(wanted)
    if as_json:
        print_json(model)
        return
    _show(model)
    rows = [(name, f"{value:.4g}") for name, value in model.metrics.items()]
    print_table("Metrics at creation", ("metric", "value"), rows)
    serving = [worker.id for worker in current.workers if worker.version == wanted]
    print_table("Served by", ("worker",), [(id_,) for id_ in serving] or [("none",)])


@models_app.command()
def promote(context: typer.Context, version: Version, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Make a version current; workers load it without dropping a request."""
    with address_of(context).client() as client:
        _print(client.promote(version), as_json=as_json)


@models_app.command()
def rollback(
    context: typer.Context,
    from_version: Annotated[
        str | None,
        typer.Option("--from", help="Only if this version is current: safe to repeat."),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make the previous model current again."""
    with address_of(context).client() as client:
        _print(client.rollback(from_version), as_json=as_json)


def _print(model: Model, *, as_json: bool) -> None:
    if as_json:
        print_json(model)
    else:
        _show(model)


def _show(model: Model) -> None:
    rows = (
        ("state", model.state),
        ("classes", ", ".join(model.classes)),
        ("created", format_time(model.created_at_ms)),
        ("promoted", format_time(model.promoted_at_ms) or "never"),
        ("parent", model.lineage.parent or "none"),
    )
    print_table(f"Model {model.version}", ("", ""), rows)
