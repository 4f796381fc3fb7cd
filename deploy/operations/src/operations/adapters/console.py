"""What a person at a terminal reads, and the same for a program."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.table import Table

from operations.core.audit import Report

_SHOWN_IDS = 20


@dataclass(frozen=True, slots=True)
class Scope:
    """What an audit looked at: the broker, and how far back, as the caller wrote it."""

    broker: str
    since: str


def report_table(report: Report, scope: Scope) -> Table:
    """Show an audit; of what is lost or contradicted the first ids."""
    title = f"{_verdict(report)}\n{scope.broker}, the last {scope.since}"
    table = Table("what", "count", title=title)
    table.add_row("accepted", str(report.accepted))
    table.add_row("succeeded", str(report.succeeded))
    for code, count in report.failed.items():
        table.add_row(f"failed: {code}", str(count))
    for name in ("expired", "pending"):
        table.add_row(name, str(getattr(report, name)))
    _add_ids(table, "lost", report.lost)
    _add_ids(table, "contradicted", report.contradicted)
    for name in ("repeated", "dead_letters", "unasked", "unreadable"):
        table.add_row(name.replace("_", " "), str(getattr(report, name)))
    table.add_row("deleted before they were read", str(report.deleted))
    table.add_row("  of those, expired", str(report.deleted_expired))
    table.add_row("longest answer", f"{report.longest_answer_ms / 1e3:.2f} s")
    table.add_row("longest gap", f"{report.longest_gap_ms / 1e3:.2f} s")
    if report.cut_ms:
        cut = datetime.fromtimestamp(report.cut_ms / 1e3, UTC).isoformat(timespec="seconds")
        table.caption = (
            f"Retention has deleted requests of before {cut}, within the window: of those, only "
            "ids on predict.accepted were judged."
        )
    return table


def report_json(report: Report, scope: Scope) -> str:
    """Give an audit as one JSON object, its ids in full."""
    return json.dumps({"sound": report.sound, **asdict(scope), **asdict(report)})


def _verdict(report: Report) -> str:
    if not report.sound:
        return "NOT SOUND"
    if report.is_empty:
        return "nothing to judge: no request was accepted"
    return "every accepted request was answered"


def _add_ids(table: Table, name: str, ids: tuple[str, ...]) -> None:
    table.add_row(name, str(len(ids)))
    for id_ in ids[:_SHOWN_IDS]:
        table.add_row("", id_)
