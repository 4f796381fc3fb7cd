"""The embedded stack as `make up` starts it, in a folder and on ports of the test's own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded.ports import free_ports

_START_S = 180
_STOP_S = 120
_PORTS = (
    "PNEUMO_GATEWAY_PORT",
    "PNEUMO_REGISTRY_PORT",
    "PNEUMO_TRAINER_PORT",
    "PNEUMO_WORKER_PORT",
    "PNEUMO_KAFKA_PORT",
    "PNEUMO_KAFKA_CONTROLLER_PORT",
    "PNEUMO_PROMETHEUS_PORT",
    "PNEUMO_NODE_EXPORTER_PORT",
)


@dataclass(frozen=True)
class UpStack:
    """env: what a command needs to find the stack. observed: whether a Prometheus watches it."""

    env: Mapping[str, str]
    observed: bool

    @property
    def prometheus(self) -> str:
        return f"http://127.0.0.1:{self.env['PNEUMO_PROMETHEUS_PORT']}"

    def run(self, *module: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *module]
        return subprocess.run(
            command,
            env=dict(self.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )


@pytest.fixture(scope="module")
def up_stack(tmp_path_factory) -> Iterator[UpStack]:
    folder = tmp_path_factory.mktemp("up")
    observed = shutil.which("prometheus") is not None
    ports = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
    foreign = {"KAFKA_BOOTSTRAP_SERVERS", "IMAGES", "SAMPLE", "OBSERVE"}
    env = {name: value for name, value in os.environ.items() if name not in foreign}
    env |= {**ports, "PNEUMO_DATA": str(folder / "kept"), "WORKERS": "1", "UI": "0"}
    env |= {"PNEUMO_START_TIMEOUT_S": str(_START_S)} | ({"OBSERVE": "1"} if observed else {})
    stack = UpStack(env, observed)
    log = folder / "up.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "embedded", "up"]
        up = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(up, log)
        yield stack
    finally:
        up.terminate()
        try:
            up.wait(_STOP_S)
        finally:
            stack.run("embedded", "down", timeout_s=_STOP_S)


def _wait_until_ready(up: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + 2 * _START_S
    while "Ready after" not in log.read_text(errors="replace"):
        assert up.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < give_up, log.read_text(errors="replace")
        time.sleep(0.1)
