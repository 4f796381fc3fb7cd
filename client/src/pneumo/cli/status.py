"""`status`: the state of the system as the gateway sees it."""

import typer

from pneumo.cli.address import address_of
from pneumo.cli.exit_codes import ExitCode
from pneumo.cli.output import AsJson, print_json, print_table


def status(context: typer.Context, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Show the current model and its workers. Exits with 3 if the gateway is not ready."""
    with address_of(context).client() as client:
        system, health = client.status(), client.health()
    if as_json:
        print_json(system.model_dump(mode="json") | {"health": health.model_dump(mode="json")})
    else:
        model = system.current_model
        rows = (
            ("gateway", f"{client.url}, {health.status}"),
            (
                "failed checks",
                ", ".join(name for name, ok in health.checks.items() if not ok) or "–",
            ),
            ("broker", "reachable" if system.broker.reachable else "unreachable"),
            ("model", "none" if model is None else f"{model.name} {model.version}"),
            ("predictions", system.num_predictions),
            ("last training", system.last_retrain_time or "never"),
            ("uptime", f"{system.uptime_seconds:.0f} s"),
        )
        print_table("System", ("", ""), rows)
        columns = ("worker", "ready", "version", "partitions", "predictions", "refuses")
        workers = (
            (
                *(worker.id, "yes" if worker.ready else "no", worker.version),
                *(worker.partitions, worker.predictions, worker.refused_version),
            )
            for worker in system.workers
        )
        print_table("Workers", columns, workers)
    raise typer.Exit(ExitCode.OK if health.is_ready else ExitCode.UNREACHABLE)
