"""`up` from outside, as a person at a terminal has it; stand-ins play the services."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import psutil
import pytest

from embedded.stack.orphans import find_orphans
from embedded.stack.supervisord import Supervisord

pytestmark = pytest.mark.kafka

STAND_IN = Path(__file__).with_name("stand_in.py")
SCRIPT = Path(__file__).with_name("stand_in_stack.py")
TIMEOUT_S = 60
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start_up(variables: Mapping[str, str], *broken: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *broken],
            env=dict(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start_up
    Supervisord(Path(environment["PNEUMO_DATA"])).stop()
    for process in running:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    pytest.fail(f"{words!r} did not come: {''.join(lines)}")


def command(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "embedded", *words],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_up_answers_and_ctrl_c_leaves_nothing(environment: dict[str, str], start: Start) -> None:
    data = Path(environment["PNEUMO_DATA"])
    up = start(environment)
    printed = read_until(up, "Ctrl-C stops everything")
    assert '"label": "stand-in"' in printed
    assert environment["PNEUMO_GATEWAY_PORT"] in printed
    assert len(find_orphans(data)) == 6  # broker, registry, worker, gateway, trainer, ui
    up.send_signal(signal.SIGINT)
    rest, _ = up.communicate(timeout=TIMEOUT_S)
    assert up.returncode == 0
    assert "Everything is stopped" in rest
    assert find_orphans(data) == []
    assert (data / "kafka" / "log" / "meta.properties").exists()


def test_a_second_up_is_refused_and_down_stops_the_first(
    on_shared_broker: dict[str, str], start: Start
) -> None:
    up = start(on_shared_broker)
    read_until(up, "Ctrl-C stops everything")
    second = start(on_shared_broker)
    assert "runs already" in second.communicate(timeout=TIMEOUT_S)[0]
    assert second.returncode == 1
    assert "inference-worker-0" in command("status", environment=on_shared_broker).stdout
    assert command("down", environment=on_shared_broker).stdout == "Everything is stopped.\n"
    assert up.wait(TIMEOUT_S) == 0
    stopped = command("status", environment=on_shared_broker)
    assert (stopped.returncode, "make up" in stopped.stderr) == (1, True)


def test_status_in_another_shell_shows_the_ports_and_kafka_of_the_running_stack(
    on_shared_broker: dict[str, str], start: Start
) -> None:
    read_until(start(on_shared_broker), "Ctrl-C stops everything")
    elsewhere = {
        name: value
        for name, value in on_shared_broker.items()
        if not name.endswith("_PORT") and name != "KAFKA_BOOTSTRAP_SERVERS"
    }
    status = command("status", environment=elsewhere)
    assert status.returncode == 0, status.stderr
    assert f"http://127.0.0.1:{on_shared_broker['PNEUMO_GATEWAY_PORT']}" in status.stdout
    kafka = next(line for line in status.stdout.splitlines() if "kafka" in line)
    assert on_shared_broker["KAFKA_BOOTSTRAP_SERVERS"] in kafka
    assert kafka.rstrip().endswith("yes")
    other = command("scale", "2", environment=elsewhere | {"PNEUMO_WORKER_PORT": "8010"})
    assert other.returncode == 1
    assert "PNEUMO_WORKER_PORT=8010 is set" in other.stderr


def test_down_stops_what_a_killed_up_left(on_shared_broker: dict[str, str], start: Start) -> None:
    up = start(on_shared_broker)
    read_until(up, "Ctrl-C stops everything")
    up.kill()
    up.wait(TIMEOUT_S)
    assert command("down", environment=on_shared_broker).stdout == "Everything is stopped.\n"
    assert find_orphans(Path(on_shared_broker["PNEUMO_DATA"])) == []


def test_a_killed_worker_comes_back_and_up_says_so(
    on_shared_broker: dict[str, str], start: Start
) -> None:
    up = start(on_shared_broker)
    read_until(up, "Ctrl-C stops everything")
    address = f"http://127.0.0.1:{on_shared_broker['PNEUMO_WORKER_PORT']}"
    first = httpx.get(address).json()["pid"]
    psutil.Process(first).kill()
    assert "inference-worker-0" in read_until(up, "started again")
    give_up = time.monotonic() + TIMEOUT_S
    while True:
        try:
            assert httpx.get(address).json()["pid"] != first
        except httpx.HTTPError:
            assert time.monotonic() < give_up
        else:
            break


def test_prometheus_is_told_of_every_worker_that_scaling_adds(
    on_shared_broker: dict[str, str], start: Start, tmp_path: Path
) -> None:
    port, folder = on_shared_broker["PNEUMO_PROMETHEUS_PORT"], tmp_path / "bin"
    folder.mkdir()
    binary = folder / "prometheus"
    binary.write_text(f"#!/bin/sh\nexec {sys.executable} {STAND_IN} {port}\n")
    binary.chmod(0o755)
    observed = on_shared_broker | {"OBSERVE": "1", "PATH": f"{folder}:/bin"}
    targets = tmp_path / "data" / "prometheus" / "targets" / "inference-worker.json"
    up = start(observed)
    assert f"127.0.0.1:{port}" in read_until(up, "Ctrl-C stops everything")
    assert [each["labels"]["instance"] for each in json.loads(targets.read_text())] == [
        "inference-worker-0"
    ]
    assert command("scale", "2", environment=observed).returncode == 0
    assert [each["labels"]["instance"] for each in json.loads(targets.read_text())] == [
        "inference-worker-0",
        "inference-worker-1",
    ]
    status = command("status", environment=observed).stdout
    assert any("prometheus" in line and "yes" in line for line in status.splitlines())


@pytest.mark.parametrize("changed", ["port", "bundle", "sample", "trainer", "observe"])
def test_what_stands_in_the_way_is_one_sentence_and_nothing_is_left(
    on_shared_broker: dict[str, str], kafka_broker: str, start: Start, changed: str
) -> None:
    taken = kafka_broker.rpartition(":")[2]
    variables, sentence = {
        "port": ({"PNEUMO_TRAINER_PORT": taken}, f"Port {taken} is taken"),
        "bundle": ({"PNEUMO_REGISTRY_SEED_BUNDLE": "/nowhere"}, "model bundle is missing"),
        "sample": ({"SAMPLE": "/nowhere.jpeg"}, "is not a file"),
        "trainer": ({}, "trainer did not become ready: it crashed"),
        "observe": ({"OBSERVE": "1", "PATH": "/nowhere"}, "needs the program prometheus on PATH"),
    }[changed]
    up = start(on_shared_broker | variables, *([changed] if changed == "trainer" else []))
    printed, _ = up.communicate(timeout=TIMEOUT_S)
    assert up.returncode == 1
    assert sentence in printed.splitlines()[-1]
    assert find_orphans(Path(on_shared_broker["PNEUMO_DATA"])) == []
    if changed == "trainer":
        assert "broken on purpose" in printed
