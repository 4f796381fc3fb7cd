"""`up` in the background, from outside; stand-ins play the services."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from embedded.stack.orphans import find_orphans
from embedded.stack.ready_notice import READY, VARIABLE, ReadyNotice, take_ready_notice

SCRIPT = Path(__file__).with_name("stand_in_stack.py")
TIMEOUT_S = 60


def ended(*command: str | Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.fixture
def stopped_afterwards(on_shared_broker: dict[str, str]) -> Iterator[dict[str, str]]:
    yield on_shared_broker
    ended("-m", "embedded", "down", environment=on_shared_broker)


@pytest.mark.kafka
def test_background_returns_when_ready_and_the_stack_has_a_session_of_its_own(
    stopped_afterwards: dict[str, str],
) -> None:
    data = Path(stopped_afterwards["PNEUMO_DATA"])
    started = ended(SCRIPT, "--background", environment=stopped_afterwards)
    assert started.returncode == 0, started.stdout + started.stderr
    assert '"label": "stand-in"' in started.stdout
    assert "make down stops everything" in started.stdout
    assert started.stdout.splitlines()[-1].endswith(f"Logs: {data / 'logs'}")
    up = int((data / "up.lock").read_text())
    assert os.getsid(up) == up  # a terminal that closes ends its own session
    programs = find_orphans(data)
    assert len(programs) == 5  # registry, worker, gateway, trainer, ui
    assert not any(VARIABLE in program.environ() for program in programs)
    assert (data / "logs" / "up.log").stat().st_mode & 0o077 == 0
    second = ended(SCRIPT, "--background", environment=stopped_afterwards)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("A stack of ")
    assert "did not start" not in second.stderr
    down = ended("-m", "embedded", "down", environment=stopped_afterwards)
    assert down.stdout == "Everything is stopped.\n"
    assert find_orphans(data) == []
    again = ended("-m", "embedded", "down", environment=stopped_afterwards)
    assert again.stdout == "Nothing was running.\n"


@pytest.mark.kafka
def test_background_that_cannot_start_fails_with_the_reason(
    stopped_afterwards: dict[str, str],
) -> None:
    started = ended(SCRIPT, "--background", "trainer", environment=stopped_afterwards)
    assert started.returncode == 1
    assert "trainer did not become ready: it crashed" in started.stdout
    assert "broken on purpose" in started.stdout
    assert "did not start" in started.stderr
    assert find_orphans(Path(stopped_afterwards["PNEUMO_DATA"])) == []


def test_a_notice_is_sent_to_the_address_of_the_variable_and_to_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "s")
    monkeypatch.setenv(VARIABLE, address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(5)
        notice = take_ready_notice()
        assert (notice.is_awaited, VARIABLE in os.environ) == (True, False)
        notice.send()
        assert receiver.recv(100) == READY
    notice.send()  # its receiver has gone away


@pytest.mark.skipif(sys.platform != "linux", reason="abstract addresses are Linux's")
def test_a_notice_knows_how_systemd_writes_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0pneumo-test-{os.getpid()}")
        receiver.settimeout(5)
        ReadyNotice(f"@pneumo-test-{os.getpid()}").send()
        assert receiver.recv(100) == READY


def test_without_a_variable_nothing_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    take_ready_notice().send()
    assert not take_ready_notice().is_awaited
