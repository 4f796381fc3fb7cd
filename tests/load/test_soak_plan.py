"""A soak finds the running stack by its record, and refuses variables that contradict it."""

from pathlib import Path

import pytest

from embedded.stack.record import write_record
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord
from load import soak as command
from load.soak import SoakPlan
from load.soak_programs import SoakError


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "PNEUMO_KAFKA_PORT", "PNEUMO_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "ward3.")
    write_record(StackSettings(data=tmp_path, gateway_port=8080, kafka_port=9192))
    monkeypatch.delenv("KAFKA_TOPIC_PREFIX")
    monkeypatch.setattr(Supervisord, "is_running", lambda _: True)
    return tmp_path


def test_a_soak_uses_the_gateway_and_the_broker_of_the_running_stack(
    running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[SoakPlan] = []

    def keep(plan: SoakPlan, *_: object) -> None:
        plans.append(plan)
        raise SoakError("Only the plan is looked at.")

    monkeypatch.setattr(command, "run_soak", keep)
    assert command.main(["--minutes", "1"]) == command.IMPOSSIBLE
    assert plans[0].load.url == "http://127.0.0.1:8080"
    assert plans[0].broker == {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9192",
        "KAFKA_TOPIC_PREFIX": "ward3.",
    }


def test_a_soak_with_a_contradicting_port_is_refused(
    running: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PNEUMO_GATEWAY_PORT", "8000")
    assert command.main([]) == command.IMPOSSIBLE
    assert "PNEUMO_GATEWAY_PORT=8000 is set" in capsys.readouterr().out
    assert not (running / "soak").exists()
