"""`dlq …`: dead letters listed, shown, redriven, purged."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from operations.adapters.letter_views import (
    entries_json,
    entries_table,
    letter_json,
    letter_view,
    redriven_json,
    redriven_table,
)
from operations.cli.ending import AsJson, kafka_settings, one_sentence, say, span_ms
from operations.core.audit import SUCCEEDED
from operations.core.dead_letters import DeadLetterEntry, Selection
from operations.main.dead_letters import new_desk
from operations.main.dead_letters import purge as purge_letters
from operations.ports import Letter
from operations.service.dead_letters import Redriven
from shared.clock import SystemClock
from shared.contracts.dead_letters import Cause
from shared.kafka.settings import KafkaSettings

dlq_app = typer.Typer(help="Dead letters: what workers have given up, kept for seven days.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids [default: all].")]
OfCause = Annotated[Cause | None, typer.Option(help="Only those given up for this.")]
Since = Annotated[str | None, typer.Option(help="Only those of the last 90s, 10m, 2h, 7d.")]
Until = Annotated[str | None, typer.Option(help="Only those older than 90s, 10m, 2h, 7d.")]
All = Annotated[bool, typer.Option("--all", help="Every one; else say which.")]


@dlq_app.command("list")
def list_(
    ids: Ids = None,
    cause: OfCause = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,  # noqa: FBT002  Typer makes a flag of it
) -> None:
    """List dead letters, oldest first."""
    settings, selection = kafka_settings(), _selection(ids, cause, since, until)
    with one_sentence(settings):
        entries = asyncio.run(_select(settings, selection))
    say(entries_json(entries) if as_json else entries_table(entries), as_json=as_json)


@dlq_app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    image: Annotated[Path | None, typer.Option(help="Write the image to this file.")] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show one dead letter: cause, attempts, stack; --image saves what was sent."""
    settings = kafka_settings()
    with one_sentence(settings):
        entry, letter = asyncio.run(_show(settings, id_))
        if image is not None:
            image.touch(mode=0o600)  # a radiograph: for this user alone
            image.write_bytes(letter.image)
    say(letter_json(entry, letter) if as_json else letter_view(entry, letter), as_json=as_json)


@dlq_app.command()
def redrive(
    ids: Ids = None,
    cause: OfCause = None,
    since: Since = None,
    until: Until = None,
    every: All = False,  # noqa: FBT002
    wait: Annotated[str, typer.Option(help="The new requests' deadline.")] = "60s",
    again: Annotated[  # noqa: FBT002
        bool, typer.Option("--again", help="Also those that were redriven before.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Make a new request of each, with a new id, and wait for what becomes of it.

    Exits with 1 unless every one succeeded.
    """
    settings, selection = kafka_settings(), _chosen(ids, cause, since, until, every=every)
    with one_sentence(settings):
        done = asyncio.run(_redrive(settings, selection, wait_ms=span_ms(wait), again=again))
    say(redriven_json(done) if as_json else redriven_table(done), as_json=as_json)
    succeeded = all(one.outcome and one.outcome.status == SUCCEEDED for one in done)
    raise typer.Exit(0 if succeeded else 1)


@dlq_app.command()
def purge(
    ids: Ids = None,
    cause: OfCause = None,
    since: Since = None,
    until: Until = None,
    every: All = False,  # noqa: FBT002
    yes: Annotated[  # noqa: FBT002
        bool, typer.Option("--yes", help="Do not ask.")
    ] = False,
) -> None:
    """Give dead letters up for good; there is no way back."""
    settings, selection = kafka_settings(), _chosen(ids, cause, since, until, every=every)
    with one_sentence(settings):
        entries = asyncio.run(_select(settings, selection))
        if entries and not yes:
            say(entries_table(entries), as_json=False)
            typer.confirm(f"Purge these {len(entries)}?", abort=True)
        asyncio.run(_purge(settings, entries))
    typer.echo(f"{len(entries)} purged")


def _selection(
    ids: list[str] | None, cause: Cause | None, since: str | None, until: str | None
) -> Selection:
    now_ms = SystemClock().now_ms()
    since_ms, until_ms = (
        None if span is None else now_ms - span_ms(span) for span in (since, until)
    )
    return Selection(tuple(ids or ()), cause, since_ms, until_ms)


def _chosen(
    ids: list[str] | None, cause: Cause | None, since: str | None, until: str | None, *, every: bool
) -> Selection:
    if every == bool(ids or cause or since or until):
        raise typer.BadParameter("say which: ids, --cause, --since, --until; or --all")
    return _selection(ids, cause, since, until)


async def _select(settings: KafkaSettings, selection: Selection) -> tuple[DeadLetterEntry, ...]:
    async with new_desk(settings) as desk:
        return await desk.select(selection)


async def _show(settings: KafkaSettings, id_: str) -> tuple[DeadLetterEntry, Letter]:
    async with new_desk(settings) as desk:
        return await desk.show(id_)


async def _redrive(
    settings: KafkaSettings, selection: Selection, *, wait_ms: int, again: bool
) -> list[Redriven]:
    async with new_desk(settings) as desk:
        entries = await desk.select(selection)
        return await desk.redrive(entries, wait_ms=wait_ms, again=again)


async def _purge(settings: KafkaSettings, entries: tuple[DeadLetterEntry, ...]) -> None:
    async with new_desk(settings) as desk:
        await purge_letters(desk, settings, entries)
