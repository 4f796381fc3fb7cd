import json

import pytest
import typer
from rich.console import Console

from operations.adapters.console import Scope, report_json, report_table
from operations.cli.ending import kafka_settings
from operations.core.audit import Accepted, Report, Seen, Told, Window, audit

SCOPE = Scope("127.0.0.1:9192", "10m")


def report(*, accepted: int) -> Report:
    ids = [f"id-{index}" for index in range(accepted)]
    requests = [Accepted(id_, at_ms=10, deadline_ms=20) for id_ in ids]
    outcomes = [Told(id_, at_ms=15, asked_ms=10, status="succeeded") for id_ in ids]
    return audit(Seen(requests, outcomes), Window(since_ms=0, now_ms=100, grace_ms=0))


def shown(found: Report) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(report_table(found, SCOPE))
    return capture.get()


def test_an_audit_names_the_broker_and_the_window() -> None:
    text = shown(report(accepted=1))
    assert "every accepted request was answered" in text
    assert "127.0.0.1:9192" in text
    assert "10m" in text
    document = json.loads(report_json(report(accepted=1), SCOPE))
    assert (document["broker"], document["since"]) == ("127.0.0.1:9192", "10m")


def test_no_accepted_request_is_nothing_to_judge() -> None:
    text = shown(report(accepted=0))
    assert "nothing to judge" in text
    assert "was answered" not in text


def test_settings_of_kafka_that_contradict_each_other_end_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_SSL_CAFILE", "/no/such/file")
    with pytest.raises(typer.Exit):
        kafka_settings()
    assert "certificates cannot be read" in capsys.readouterr().err
