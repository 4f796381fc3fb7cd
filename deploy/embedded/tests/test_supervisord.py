import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from embedded.stack.orphans import end_orphans, find_orphans
from embedded.stack.programs import Program
from embedded.stack.supervisord import Supervisord

SLEEPER = Program(
    "sleeper",
    (
        sys.executable,
        "-c",
        "import os, time; print(os.environ['GREETING'], flush=True); time.sleep(600)",
    ),
    (),
    {"GREETING": "50% of a, b"},
)


@pytest.fixture
def supervisord(tmp_path: Path) -> Iterator[Supervisord]:
    data = tmp_path / "100% data"
    data.mkdir()
    supervisord = Supervisord(data)
    supervisord.start([SLEEPER])
    supervisord.start_program("sleeper")
    yield supervisord
    supervisord.stop()


def eventually(holds: Callable[[], bool], timeout_s: float = 20) -> None:
    give_up = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up, "it did not come to hold in time"
        time.sleep(0.05)


def test_a_killed_program_is_started_again(supervisord: Supervisord) -> None:
    first = supervisord.processes()["sleeper"].pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisord.processes()["sleeper"].pid not in (0, first))


def test_a_program_gets_its_variables_and_its_log(supervisord: Supervisord) -> None:
    log = supervisord.log_path("sleeper")
    eventually(lambda: log.exists() and log.read_text().strip() == "50% of a, b")


def test_other_workers_come_and_go_without_touching_the_rest(supervisord: Supervisord) -> None:
    sleeper = supervisord.processes()["sleeper"].pid
    workers = [Program(f"worker-{i}", SLEEPER.command, (), SLEEPER.environment) for i in (0, 1)]
    assert supervisord.replace_programs("worker-", workers) == (["worker-0", "worker-1"], [])
    eventually(lambda: supervisord.processes()["worker-1"].is_up)
    assert supervisord.replace_programs("worker-", workers[:1]) == ([], ["worker-1"])
    assert set(supervisord.processes()) == {"sleeper", "worker-0"}
    assert supervisord.processes()["sleeper"].pid == sleeper


def test_stop_leaves_no_process_and_no_socket(supervisord: Supervisord) -> None:
    pid = supervisord.processes()["sleeper"].pid
    assert supervisord.stop()
    assert not psutil.pid_exists(pid)
    assert not supervisord.socket.exists()
    assert not supervisord.stop()


def test_what_a_killed_supervisor_left_behind_is_found_and_ended(supervisord: Supervisord) -> None:
    eventually(lambda: len(find_orphans(supervisord.data)) == 1)
    (orphan,) = find_orphans(supervisord.data)
    parent = orphan.parent()
    assert parent is not None
    parent.kill()
    parent.wait(10)
    assert end_orphans(supervisord.data) == 1
    assert not orphan.is_running()
