"""`audit`: whether everything accepted was answered."""

import asyncio
from typing import Annotated

import typer

from operations.adapters.console import Scope, report_json, report_table
from operations.cli.ending import AsJson, kafka_settings, one_sentence, say, span_ms
from operations.core.audit import Report
from operations.main.audit import new_auditor
from shared.clock import SystemClock
from shared.contracts.topics import RESULTS_RETENTION_MS
from shared.kafka.settings import KafkaSettings


def audit(
    since: Annotated[str, typer.Option(help="Requests of the last 90s, 10m, …")] = "10m",
    wait: Annotated[  # noqa: FBT002  Typer makes a flag of it
        bool, typer.Option("--wait", help="Until nothing is pending any more.")
    ] = False,
    follow: Annotated[str, typer.Option(help="First read on for so long: 10m.")] = "0s",
    grace: Annotated[str, typer.Option(help="After a deadline, before an id is lost.")] = "30s",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Read the topics and tell whether every accepted request has its one terminal outcome.

    Exits with 1 if one is lost or contradicted, or if the broker cannot be read; with 0 otherwise,
    also where no request was accepted and there is nothing to judge.
    """
    settings = kafka_settings()
    span, grace_ms, follow_ms = span_ms(since), span_ms(grace), span_ms(follow)
    if span > RESULTS_RETENTION_MS:
        raise typer.BadParameter("--since: outcomes are kept for 1h; --follow sees more")
    with one_sentence(settings):
        reading = _audit(settings, span, grace_ms=grace_ms, follow_s=follow_ms / 1e3, wait=wait)
        report = asyncio.run(reading)
    scope = Scope(settings.bootstrap_servers, since)
    say(report_json(report, scope) if as_json else report_table(report, scope), as_json=as_json)
    raise typer.Exit(0 if report.sound else 1)


async def _audit(
    settings: KafkaSettings, span_ms: int, *, grace_ms: int, follow_s: float, wait: bool
) -> Report:
    clock = SystemClock()
    since_ms = clock.now_ms() - span_ms
    async with new_auditor(settings, since_ms=since_ms, grace_ms=grace_ms, clock=clock) as auditor:
        await auditor.follow(follow_s)
        return await (auditor.look_until_settled() if wait else auditor.look())
