"""`status`: what the gateway knows of the system."""

import typer

from pneumo.cli.address import address_of
from pneumo.cli.ending import Exit
from pneumo.cli.output import AsJson, print_json, print_table


def status(context: typer.Context, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Show who serves what; exits with 3 if the gateway takes no work."""
    with address_of(context).client() as client:
        told, health = client.status(), client.health()
    if as_json:
        print_json(told.model_dump(mode="json") | {"health": health.model_dump(mode="json")})
    else:
        model = told.current_model
        rows = (
            ("gateway", f"{client.url}, {health.status}"),
            ("not holding", ", ".join(name for name, ok in health.checks.items() if not ok) or "–"),
            ("broker", "reachable" if told.broker.reachable else "away"),
            ("model", "none" if model is None else f"{model.name} {model.version}"),
            ("predictions", told.num_predictions),
            ("last training", told.last_retrain_time or "never"),
            ("up for", f"{told.uptime_seconds:.0f} s"),
        )
        print_table("System", ("", ""), rows)
        columns = ("worker", "ready", "version", "partitions", "predictions", "refuses")
        workers = (
            (
                *(worker.id, "yes" if worker.ready else "no", worker.version),
                *(worker.partitions, worker.predictions, worker.refused_version),
            )
            for worker in told.workers
        )
        print_table("Workers", columns, workers)
    raise typer.Exit(Exit.GOOD if health.is_ready else Exit.UNREACHABLE)
