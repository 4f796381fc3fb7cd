"""`retrain` and `jobs …`: start, watch, list and cancel training jobs."""

from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from pneumo.cli.address import address_of
from pneumo.cli.exit_codes import ExitCode
from pneumo.cli.output import (
    AsJson,
    format_time,
    new_console,
    print_json,
    print_message,
    print_table,
)
from pneumo.client import Client
from pneumo.endpoints import Mode, Policy
from pneumo.models import Gate, JobEvent, JobState

jobs_app = typer.Typer(help="List, show, watch and cancel training jobs.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The job's id.")]
InMode = Annotated[
    Mode, typer.Option(help="fast: train a new head, in seconds. full: train the whole model.")
]
WithPolicy = Annotated[
    Policy,
    typer.Option(
        help="auto: promote the candidate if it passes the gate. "
        "manual: promote it later with `models promote`."
    ),
]
Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="Requests with the same key return the same job."),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Wait until the job has ended.")]

_EXITS = {
    "succeeded": ExitCode.OK,
    "rejected": ExitCode.REJECTED,
    "failed": ExitCode.FAILED,
    "cancelled": ExitCode.CANCELLED,
}


def retrain(
    context: typer.Context,
    mode: InMode = "fast",
    policy: WithPolicy = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    idempotency_key: Key = None,
    watch: Watch = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Start a training job.

    With --watch exits with 0 if the candidate passed the gate (and, by policy auto, is promoted),
    5 if the gate rejected it, 1 if the job failed, 6 if it was cancelled.
    """
    with address_of(context).client() as client:
        job = client.create_job(
            mode=mode, policy=policy, seed=seed, idempotency_key=idempotency_key
        )
        if watch:
            raise typer.Exit(_watch(client, job.id, as_json=as_json))
        _show(job, as_json=as_json)


@jobs_app.command("list")
def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of jobs.")] = 20,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """List the newest jobs."""
    with address_of(context).client() as client:
        jobs = client.jobs(limit)
    if as_json:
        print_json(jobs)
        return
    columns = ("id", "state", "phase", "progress", "mode", "requested", "model version", "error")
    rows = (
        (
            *(job.id, job.state, job.phase, f"{job.progress:.0%}", job.mode),
            *(format_time(job.requested_at_ms), job.model_version, job.error),
        )
        for job in jobs
    )
    print_table("Jobs", columns, rows)


@jobs_app.command()
def show(context: typer.Context, id: Id, as_json: AsJson = False) -> None:  # noqa: A002, FBT002
    """Show one job and the gate's verdict."""
    with address_of(context).client() as client:
        _show(client.job(id), as_json=as_json)


@jobs_app.command()
def cancel(context: typer.Context, id: Id, as_json: AsJson = False) -> None:  # noqa: A002, FBT002
    """Cancel a queued job, or ask the trainer to stop a running one."""
    with address_of(context).client() as client:
        _show(client.cancel(id), as_json=as_json)


@jobs_app.command()
def watch(context: typer.Context, id: Id, as_json: AsJson = False) -> None:  # noqa: A002, FBT002
    """Watch a job until it has ended; exits as `retrain --watch` does."""
    with address_of(context).client() as client:
        raise typer.Exit(_watch(client, id, as_json=as_json))


def _watch(client: Client, id_: str, *, as_json: bool) -> ExitCode:
    last: JobEvent | None = None
    console = new_console()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=console
    )
    with bar:
        task = bar.add_task(id_, total=1.0)
        for event in client.job_events(id_):
            bar.update(task, completed=event.progress, description=_format_state(event))
            if as_json:
                print_json(event)
            elif console.quiet and (last is None or _format_state(event) != _format_state(last)):
                print_message(_format_state(event))
            last = event
    if last is None:
        return ExitCode.FAILED
    if not as_json:
        _show(last, as_json=False)
    return _EXITS.get(last.state, ExitCode.FAILED)


def _format_state(event: JobState) -> str:
    return f"{event.state}: {event.phase}" if event.phase else event.state


def _show(job: JobState, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    rows = [
        ("state", _format_state(job)),
        ("model version", job.model_version),
        ("error", job.error),
    ]
    print_table(f"Job {job.id}", ("", ""), [row for row in rows if row[1] is not None])
    if job.gate is not None:
        _show_gate(job.gate)


def _show_gate(gate: Gate) -> None:
    verdict = "accepted" if gate.accepted else "rejected"
    title = f"The gate {verdict} it: {gate.images} images, compared with {gate.current_version}"
    rows = (
        (
            *("passed" if check.passed else "FAILED", check.name),
            f"{check.value:.4g} {check.relation} {check.bound:.4g}",
        )
        for check in gate.checks
    )
    print_table(title, ("", "check", "value and bound"), rows)
