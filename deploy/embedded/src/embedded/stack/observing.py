"""Prometheus beside the services: its binary, its folder, and targets that follow scaling."""

import json
import shutil
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from embedded.errors import MissingBinaryError
from embedded.ports import LOOPBACK
from embedded.stack.programs import KAFKA, UI, WORKER, Port, Program
from embedded.stack.settings import REPOSITORY, StackSettings

PROMETHEUS = "prometheus"
NODE_EXPORTER = "node-exporter"

SOURCE = REPOSITORY / "deploy" / "prometheus"
"""Configuration and rules, as they are in the working tree."""

_BINARIES = {
    PROMETHEUS: ("prometheus",),
    NODE_EXPORTER: ("prometheus-node-exporter", "node_exporter"),
}
_STOPS_FIRST = 4
"""Before what it watches: else the next start would find everybody dead in its last samples."""

_RETENTION = ("--storage.tsdb.retention.time=31d", "--storage.tsdb.retention.size=1GB")
_UNREAL_FILE_SYSTEMS = "^(proc|sysfs|cgroup2?|devpts|devtmpfs|mqueue|tmpfs|nsfs|squashfs)$"


def find_binaries() -> Mapping[str, str]:
    """Give the path of each observing program on PATH; only Prometheus has to be there.

    Raises MissingBinaryError.
    """
    found = {
        name: path
        for name, spellings in _BINARIES.items()
        if (path := next(filter(None, map(shutil.which, spellings)), None))
    }
    if PROMETHEUS not in found:
        raise MissingBinaryError(
            "OBSERVE=1 needs the program prometheus on PATH: install it (Debian and Ubuntu: "
            "apt install prometheus), or start without OBSERVE."
        )
    return found


def observing_programs(settings: StackSettings, names: Container[str]) -> tuple[Program, ...]:
    """Describe those observing programs that `names` has; their binaries may be anywhere on PATH.

    Where a program is not installed, its command is its bare name.
    """
    known = (_prometheus(settings), _node_exporter(settings))
    return tuple(program for program in known if program.name in names)


def prepare_prometheus(settings: StackSettings, programs: Sequence[Program]) -> None:
    """Copy configuration and rules into the data folder, and write who is to be scraped."""
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SOURCE / "prometheus.embedded.yml", folder / "prometheus.yml")
    shutil.rmtree(folder / "rules", ignore_errors=True)
    shutil.copytree(SOURCE / "rules", folder / "rules")
    write_targets(settings, programs)


def write_targets(settings: StackSettings, programs: Sequence[Program]) -> None:
    """Write one file a job; Prometheus, which watches the folder, follows within seconds."""
    folder = _folder(settings) / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    jobs: dict[str, list[Program]] = {}
    for program in programs:
        if program.name not in (KAFKA, UI):  # the one speaks no HTTP, the other has no metrics
            jobs.setdefault(_job(program), []).append(program)
    for job, members in jobs.items():
        written = folder / f"{job}.json.new"
        written.write_text(json.dumps([_target(program) for program in members], indent=1))
        written.replace(folder / f"{job}.json")  # whole, or not at all


def _job(program: Program) -> str:
    return WORKER if program.name.startswith(f"{WORKER}-") else program.name


def _target(program: Program) -> dict[str, object]:
    address = f"{LOOPBACK}:{program.ports[0].number}"
    return {"targets": [address], "labels": {"instance": program.name}}


def _prometheus(settings: StackSettings) -> Program:
    port = Port(settings.prometheus_port, "PNEUMO_PROMETHEUS_PORT")
    folder = _folder(settings)
    command = (
        _binary(PROMETHEUS),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        *_RETENTION,
        "--enable-feature=exemplar-storage",  # which trace shows a bucket's time
        f"--web.listen-address={LOOPBACK}:{port.number}",
    )
    return Program(PROMETHEUS, command, (port,), stop_order=_STOPS_FIRST, ready_path="/-/ready")


def _node_exporter(settings: StackSettings) -> Program:
    port = Port(settings.node_exporter_port, "PNEUMO_NODE_EXPORTER_PORT")
    command = (
        _binary(NODE_EXPORTER),
        "--collector.disable-defaults",
        "--collector.filesystem",
        f"--collector.filesystem.fs-types-exclude={_UNREAL_FILE_SYSTEMS}",
        f"--web.listen-address={LOOPBACK}:{port.number}",
    )
    return Program(NODE_EXPORTER, command, (port,), stop_order=_STOPS_FIRST, ready_path="/metrics")


def _binary(name: str) -> str:
    return next(filter(None, map(shutil.which, _BINARIES[name])), _BINARIES[name][0])


def _folder(settings: StackSettings) -> Path:
    return settings.data / "prometheus"
