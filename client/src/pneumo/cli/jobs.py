"""`retrain` and `jobs …`: trainings asked for, watched, cancelled."""

from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from pneumo.answers import Gate, JobEvent, JobState
from pneumo.calls import Mode, Policy
from pneumo.cli.address import address_of
from pneumo.cli.ending import Exit
from pneumo.cli.output import AsJson, moment, new_console, print_json, print_table, say
from pneumo.client import Client

jobs_app = typer.Typer(help="Trainings: listed, shown, watched, cancelled.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The job's id.")]
InMode = Annotated[Mode, typer.Option(help="fast: a new head, in seconds. full: the whole recipe.")]
WithPolicy = Annotated[
    Policy, typer.Option(help="auto: who passes the gate is promoted. manual: by `models promote`.")
]
Key = Annotated[
    str | None, typer.Option("--idempotency-key", help="The same key is the same job, for ever.")
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay until it has ended.")]

_EXITS = {
    "succeeded": Exit.GOOD,
    "rejected": Exit.REJECTED,
    "failed": Exit.FAILED,
    "cancelled": Exit.CANCELLED,
}


def retrain(
    context: typer.Context,
    mode: InMode = "fast",
    policy: WithPolicy = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    idempotency_key: Key = None,
    watch: Watch = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Ask for a training.

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
    limit: Annotated[int, typer.Option(min=1, max=200, help="The newest so many.")] = 20,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show the newest jobs."""
    with address_of(context).client() as client:
        jobs = client.jobs(limit)
    if as_json:
        print_json(jobs)
        return
    columns = ("id", "state", "phase", "progress", "mode", "asked for", "model version", "error")
    rows = (
        (
            *(job.id, job.state, job.phase, f"{job.progress:.0%}", job.mode),
            *(moment(job.requested_at_ms), job.model_version, job.error),
        )
        for job in jobs
    )
    print_table("Jobs", columns, rows)


@jobs_app.command()
def show(context: typer.Context, id: Id, as_json: AsJson = False) -> None:  # noqa: A002, FBT002
    """Show one job, and what the gate said."""
    with address_of(context).client() as client:
        _show(client.job(id), as_json=as_json)


@jobs_app.command()
def cancel(context: typer.Context, id: Id, as_json: AsJson = False) -> None:  # noqa: A002, FBT002
    """End a job that waits at once; ask the trainer of a running one to end it."""
    with address_of(context).client() as client:
        _show(client.cancel(id), as_json=as_json)


@jobs_app.command()
def watch(context: typer.Context, id: Id, as_json: AsJson = False) -> None:  # noqa: A002, FBT002
    """Follow a job until it has ended; exits as `retrain --watch` does."""
    with address_of(context).client() as client:
        raise typer.Exit(_watch(client, id, as_json=as_json))


def _watch(client: Client, id_: str, *, as_json: bool) -> Exit:
    last: JobEvent | None = None
    console = new_console()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=console
    )
    with bar:
        task = bar.add_task(id_, total=1.0)
        for event in client.job_events(id_):
            bar.update(task, completed=event.progress, description=_where(event))
            if as_json:
                print_json(event)
            elif console.quiet and (last is None or _where(event) != _where(last)):
                say(_where(event))
            last = event
    if last is None:
        return Exit.FAILED
    if not as_json:
        _show(last, as_json=False)
    return _EXITS.get(last.state, Exit.FAILED)


def _where(event: JobState) -> str:
    return f"{event.state}: {event.phase}" if event.phase else event.state


def _show(job: JobState, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    rows = [("state", _where(job)), ("model version", job.model_version), ("error", job.error)]
    print_table(f"Job {job.id}", ("", ""), [row for row in rows if row[1] is not None])
    if job.gate is not None:
        _show_gate(job.gate)


def _show_gate(gate: Gate) -> None:
    verdict = "accepts" if gate.accepted else "rejects"
    title = f"The gate {verdict} it, on {gate.images} images, against {gate.current_version}"
    rows = (
        (
            *("passed" if check.passed else "FAILED", check.name),
            f"{check.value:.4g} {check.relation} {check.bound:.4g}",
        )
        for check in gate.checks
    )
    print_table(title, ("", "check", "value and bound"), rows)
