"""What a running stack was started with: `stack.json` in its data folder, without secrets."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from embedded.errors import NotRunningError, SettingsDifferError
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord

_NAME = "stack.json"
_MODE = 0o600
TOPIC_PREFIX = "KAFKA_TOPIC_PREFIX"
_VARIABLES = {"external_kafka": "KAFKA_BOOTSTRAP_SERVERS", "ui": "UI", "observe": "OBSERVE"}


class StackRecord(BaseModel):
    """Ports, broker and optional parts of a stack, as its `up` was given them.

    The number of workers is left out: `scale` changes it, and takes it from the same variable.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    gateway_port: int
    registry_port: int
    trainer_port: int
    worker_port: int
    kafka_port: int
    kafka_controller_port: int
    prometheus_port: int
    node_exporter_port: int
    ui_port: int
    ui: bool
    observe: bool
    external_kafka: str | None
    bootstrap_servers: str
    topic_prefix: str


def write_record(settings: StackSettings) -> None:
    """Write what a stack starts with, readable for its user alone."""
    own = {name: getattr(settings, name) for name in _setting_names()}
    record = StackRecord(
        **own,
        bootstrap_servers=settings.bootstrap_servers,
        topic_prefix=os.environ.get(TOPIC_PREFIX, ""),
    )
    path = settings.data / _NAME
    partial = path.with_suffix(".partial")
    partial.touch(mode=_MODE)
    partial.write_text(record.model_dump_json(indent=2) + "\n")
    partial.replace(path)


def remove_record(data: Path) -> None:
    """Remove the record of a stack that has stopped."""
    (data / _NAME).unlink(missing_ok=True)


def read_record(data: Path) -> StackRecord | None:
    """Return the record of the stack that runs over this folder; None if none runs or it has none.

    A record that a killed stack left behind does not count.
    """
    if not Supervisord(data).is_running():
        return None
    try:
        return StackRecord.model_validate_json((data / _NAME).read_bytes())
    except (FileNotFoundError, ValidationError):  # started by an earlier version
        return None


def running_settings(given: StackSettings) -> StackSettings:
    """Return the settings of the running stack; `given` if none runs.

    Raises SettingsDifferError if a variable of the shell contradicts the running stack.
    """
    record = read_record(given.data)
    if record is None:
        return given
    for name in _setting_names():
        _ensure_same(given, record, name)
    prefix = os.environ.get(TOPIC_PREFIX, record.topic_prefix)
    if prefix != record.topic_prefix:
        raise SettingsDifferError(TOPIC_PREFIX, prefix, record.topic_prefix)
    return given.model_copy(update={name: getattr(record, name) for name in _setting_names()})


def program_environment(given: StackSettings) -> dict[str, str]:
    """Return this process's environment, with the broker and the registry's folder of the stack.

    Raises SettingsDifferError, and NotRunningError if no stack runs and no variable names a broker.
    """
    settings = running_settings(given)
    record = read_record(given.data)
    names_broker = given.model_fields_set & {"external_kafka", "kafka_port"}
    if not names_broker and not Supervisord(given.data).is_running():
        raise NotRunningError(given.data)
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        **({TOPIC_PREFIX: record.topic_prefix} if record and record.topic_prefix else {}),
    }


def _ensure_same(given: StackSettings, record: StackRecord, name: str) -> None:
    if name not in given.model_fields_set:
        return
    said, used = getattr(given, name), getattr(record, name)
    if name == "external_kafka":  # the address of the embedded broker is no contradiction
        used = record.bootstrap_servers
    if said != used:
        raise SettingsDifferError(_VARIABLES.get(name, f"PNEUMO_{name.upper()}"), said, used)


def _setting_names() -> list[str]:
    return [name for name in StackRecord.model_fields if name in StackSettings.model_fields]
