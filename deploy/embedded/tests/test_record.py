import stat
from pathlib import Path

import pytest

from embedded.cli import main
from embedded.errors import NotRunningError, SettingsDifferError, VariableMissingError
from embedded.stack.record import (
    program_environment,
    read_record,
    registry_environment,
    running_settings,
    write_record,
)
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord


@pytest.fixture(autouse=True)
def _clean_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC_PREFIX", "PNEUMO_KAFKA_PORT")
    names += ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
    for name in (*names, "PNEUMO_REGISTRY_DATABASE_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    write_record(StackSettings(data=tmp_path, gateway_port=8080, kafka_port=9192))
    monkeypatch.setattr(Supervisord, "is_running", lambda _: True)
    return tmp_path


def test_later_commands_use_the_ports_that_the_stack_was_started_with(running: Path) -> None:
    settings = running_settings(StackSettings())
    assert (settings.gateway_port, settings.bootstrap_servers) == (8080, "127.0.0.1:9192")
    assert program_environment(StackSettings())["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9192"


def test_the_record_is_private_and_holds_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PNEUMO_API_KEY", "not-for-files")
    write_record(StackSettings())
    record = tmp_path / "stack.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert "not-for-files" not in record.read_text()


@pytest.mark.parametrize(
    ("variable", "value", "used"),
    [
        ("PNEUMO_GATEWAY_PORT", "8000", "8080"),
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092", "127.0.0.1:9192"),
        ("KAFKA_TOPIC_PREFIX", "other.", ""),
    ],
)
def test_a_variable_that_contradicts_the_stack_is_refused(
    running: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, used: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsDifferError, match=f"{variable}={value} is set.*uses {used}"):
        running_settings(StackSettings())


def test_a_variable_that_agrees_with_the_stack_is_accepted(
    running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9192")
    monkeypatch.setenv("WORKERS", "4")
    assert running_settings(StackSettings()).gateway_port == 8080


def test_a_record_that_a_killed_stack_left_does_not_count(tmp_path: Path) -> None:
    write_record(StackSettings(gateway_port=8080))
    assert read_record(tmp_path) is None
    assert running_settings(StackSettings()).gateway_port == 8000


def test_operations_without_a_stack_need_a_named_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotRunningError, match="make up"):
        program_environment(StackSettings())
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    assert program_environment(StackSettings())["KAFKA_BOOTSTRAP_SERVERS"] == "broker:9092"


def test_the_registry_needs_no_stack_and_has_its_folder(tmp_path: Path) -> None:
    environment = registry_environment(StackSettings())
    assert environment["PNEUMO_REGISTRY_DATA_DIR"] == str(tmp_path / "registry")


def test_a_backup_of_a_registry_elsewhere_needs_the_variables_of_the_running_stack(
    running: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, value = "PNEUMO_REGISTRY_DATABASE_URL", "postgresql://registry:secret@db/registry"
    monkeypatch.setenv(name, value)
    write_record(StackSettings(data=running))
    assert "secret" not in (running / "stack.json").read_text()
    assert registry_environment(StackSettings())[name] == value
    monkeypatch.delenv(name)
    with pytest.raises(VariableMissingError, match=f"started with {name}: set the same"):
        registry_environment(StackSettings())
    assert main(["exec", "registry", "backup", "folder"]) == 1
    assert name in capsys.readouterr().err


def test_commands_on_kafka_need_the_credentials_of_the_running_stack(
    running: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "ward3")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "not-for-files")
    write_record(StackSettings(data=running, external_kafka="127.0.0.1:1"))
    assert "not-for-files" not in (running / "stack.json").read_text()
    program_environment(StackSettings())
    monkeypatch.delenv("KAFKA_SASL_PASSWORD")
    assert main(["exec", "operations", "audit"]) == 1
    assert "KAFKA_SASL_PASSWORD: set the same here" in capsys.readouterr().err
    monkeypatch.setattr(Supervisord, "processes", lambda _: {})
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "unknown" in shown
    assert "Kafka was not asked: this shell lacks KAFKA_SASL_PASSWORD." in shown


def test_a_backup_with_a_port_that_contradicts_the_stack_is_refused(
    running: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PNEUMO_REGISTRY_PORT", "9999")
    assert main(["exec", "registry", "backup", "folder"]) == 1
    assert "PNEUMO_REGISTRY_PORT=9999 is set" in capsys.readouterr().err


def test_status_without_a_stack_fails_and_names_make_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["status"]) == 1
    assert "start one with make up" in capsys.readouterr().err


def test_logs_of_an_unknown_program_list_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("gateway", "inference-worker-0"):
        (tmp_path / "logs" / f"{name}.log").touch()
    assert main(["logs", "worker"]) == 1
    assert "there are: gateway, inference-worker-0" in capsys.readouterr().err


def test_a_number_of_workers_out_of_range_is_refused_with_the_range(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["scale", "0"])
    assert capsys.readouterr().err.endswith("argument 1..64: '0' is no number from 1 to 64\n")
