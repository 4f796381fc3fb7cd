"""The systemd unit: what it starts exists, and it leaves the stack time to stop in order."""

import configparser
import re
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

from embedded.stack.observing import observing_programs
from embedded.stack.programs import kafka_program, service_programs
from embedded.stack.settings import StackSettings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "pneumostream.service"
SUPERVISOR_STOP_S = 60


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#")
    parser.optionxform = str
    parser.read(UNIT)
    return parser


@pytest.fixture(scope="module")
def service(unit: configparser.ConfigParser) -> configparser.SectionProxy:
    return unit["Service"]


def test_the_target_that_it_starts_exists(service: configparser.SectionProxy) -> None:
    program, target = service["ExecStart"].split()
    assert Path(program).name == "make"
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_stack_is_stopped_by_up_in_the_time_that_its_programs_may_take(
    service: configparser.SectionProxy,
) -> None:
    settings = StackSettings(observe=True)
    binaries = {"prometheus": Path("/bin/true"), "prometheus-node-exporter": Path("/bin/true")}
    programs = [
        kafka_program(settings, ["java"]),
        *service_programs(settings),
        *observing_programs(settings, binaries),
    ]
    ordered = sorted(programs, key=lambda program: program.stop_order)
    waves = groupby(ordered, key=lambda program: program.stop_order)
    longest_s = sum(max(program.stop_wait_s for program in wave) for _, wave in waves)
    assert longest_s >= 100
    assert int(service["TimeoutStopSec"]) >= longest_s + SUPERVISOR_STOP_S
    assert service["KillMode"] == "mixed"


def test_it_is_ready_when_up_says_so(service: configparser.SectionProxy) -> None:
    assert service["Type"] == "notify"
    assert service["NotifyAccess"] == "all"  # make starts the process that sends the notice
    assert int(service["TimeoutStartSec"]) >= 3 * StackSettings().start_timeout_s


def test_it_writes_into_its_state_directory_alone(service: configparser.SectionProxy) -> None:
    state = f"/var/lib/{service['StateDirectory']}"
    variables = dict(each.split("=", 1) for each in service["Environment"].split())
    assert variables == {"HOME": state, "PNEUMO_DATA": f"{state}/data"}
    assert service["ProtectSystem"] == "strict"
    assert "ReadWritePaths" not in service
    assert "MemoryDenyWriteExecute" not in service  # Java compiles into memory


def test_the_page_names_the_paths_of_the_unit(service: configparser.SectionProxy) -> None:
    page = (ROOT / "docs" / "how-to" / "run-as-a-service.md").read_text()
    environment_file = service["EnvironmentFile"].removeprefix("-")
    for path in (service["WorkingDirectory"], environment_file, service["User"], UNIT.name):
        assert path in page


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_has_nothing_to_say_of_it() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []
