import configparser
from pathlib import Path

import pytest

from embedded.cli import main
from embedded.errors import SupervisorError
from embedded.stack.programs import UI, Program, kafka_program, service_programs
from embedded.stack.settings import StackSettings
from embedded.stack.supervisor_config import (
    render_head,
    render_program,
    section_name,
    split_sections,
)
from embedded.stack.supervisord import ProcessState, socket_path
from embedded.stack.watch import describe_changes

SETTINGS = StackSettings(data=Path("/data"), worker_port=8110, workers=3)
DATA, LOGS = Path("/data"), Path("/data/logs")


def test_each_worker_has_its_own_port_id_and_cache() -> None:
    workers = [p for p in service_programs(SETTINGS) if p.name.startswith("inference-worker-")]
    assert [w.environment["PNEUMO_WORKER_PORT"] for w in workers] == ["8110", "8111", "8112"]
    assert [w.environment["PNEUMO_WORKER_ID"] for w in workers] == [
        "worker-0",
        "worker-1",
        "worker-2",
    ]
    assert workers[2].environment["PNEUMO_WORKER_CACHE_DIR"] == "/data/workers/2"


def test_every_service_is_told_the_broker_and_the_registry() -> None:
    services = [program for program in service_programs(SETTINGS) if program.name != UI]
    for program in services:
        assert program.environment["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9092"
        assert program.environment["PNEUMO_REGISTRY_URL"] == "http://127.0.0.1:8001"


def test_the_ui_knows_the_gateway_alone_and_can_be_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = StackSettings(data=Path("/data"), gateway_port=8100, ui_port=8601)
    ui = service_programs(settings)[-1]
    assert (ui.name, ui.ready_address) == (UI, "http://127.0.0.1:8601/_stcore/health")
    assert ui.environment["PNEUMO_URL"] == "http://127.0.0.1:8100"
    assert ui.environment["PNEUMO_UI_PORT"] == "8601"
    assert not [name for name in ui.environment if name.startswith("KAFKA")]
    monkeypatch.setenv("UI", "0")
    assert UI not in [program.name for program in service_programs(StackSettings())]


def test_the_users_cluster_replaces_the_embedded_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9093")
    assert StackSettings().bootstrap_servers == "kafka.example:9093"


def test_the_gateway_stops_first_and_the_broker_last() -> None:
    programs = [*service_programs(SETTINGS), kafka_program(SETTINGS, ["java"])]
    in_order = sorted(programs, key=lambda program: program.stop_order, reverse=True)
    assert (in_order[0].name, in_order[-2].name, in_order[-1].name) == (
        "gateway",
        "registry",
        "kafka",
    )


def test_the_rendered_configuration_reads_back() -> None:
    program = Program("odd", ("/a b/python", "-c", "50%"), (), {"KEY": "a,b=100%"})
    text = render_head(DATA, DATA / "s.sock", LOGS) + render_program(DATA, LOGS, program)
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    section = parser["program:odd"]
    assert section["command"] == "'/a b/python' -c 50%%"
    assert section["environment"] == 'KEY="a,b=100%%",PNEUMO_STACK="/data"'
    assert section["autorestart"] == "true"
    assert [section_name(part) for part in split_sections(text)[1:]] == ["odd"]


@pytest.mark.parametrize("value", ['say "x"', "a ;b", "a #b", "two\nlines"])
def test_what_the_configuration_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(SupervisorError, match="use paths without quotes"):
        render_program(DATA, LOGS, Program("odd", ("true",), (), {"KEY": value}))


def test_a_long_data_folder_gets_a_short_socket(tmp_path: Path) -> None:
    assert socket_path(Path("/data")) == Path("/data/supervisor.sock")
    assert len(str(socket_path(tmp_path / ("x" * 120)))) < 96


def state(name: str, text: str, pid: int, *, exit_code: int = 0) -> ProcessState:
    return ProcessState(name, text, pid, started_s=0, exit_code=exit_code)


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        (state("w", "STARTING", 1), state("w", "RUNNING", 1), []),
        (state("w", "RUNNING", 1), state("w", "STARTING", 2), ["w ended and was started again"]),
        (state("w", "RUNNING", 1), state("w", "EXITED", 0, exit_code=3), ["exit code 3"]),
        (state("w", "RUNNING", 1), state("w", "EXITED", 0, exit_code=-1), ["by a signal"]),
        (state("w", "RUNNING", 1), state("w", "BACKOFF", 0), ["crashed while starting"]),
        (state("w", "BACKOFF", 0), state("w", "STARTING", 2), ["w was started again"]),
        (state("w", "BACKOFF", 0), state("w", "FATAL", 0), ["keeps crashing"]),
        (state("w", "FATAL", 0), state("w", "FATAL", 0), []),
    ],
)
def test_changes_are_told_in_words(
    before: ProcessState, now: ProcessState, lines: list[str]
) -> None:
    told = describe_changes({"w": before}, {"w": now})
    assert len(told) == len(lines)
    assert all(part in line for part, line in zip(lines, told, strict=True))


def test_added_and_removed_programs_are_told() -> None:
    one, two = {"a": state("a", "RUNNING", 1)}, {"b": state("b", "RUNNING", 2)}
    assert describe_changes(one, two) == ["a was removed.", "b was added."]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PNEUMO_GATEWAY_PORT", "0", "PNEUMO_GATEWAY_PORT=0 is not usable"),
        ("WORKERS", "many", "WORKERS=many is not usable"),
    ],
)
def test_a_bad_setting_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["status"]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
