"""What a running stack was started with: `stack.json` in its data folder, without secrets."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from embedded.errors import NotRunningError, SettingsDifferError, VariableMissingError
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord

_NAME = "stack.json"
_MODE = 0o600
TOPIC_PREFIX = "KAFKA_TOPIC_PREFIX"
_REGISTRY_VARIABLES = (
    "PNEUMO_REGISTRY_DATABASE_URL",
    "PNEUMO_REGISTRY_FILES_URL",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
)
"""They say where the registry keeps what is not in its folder. Values may hold passwords."""
_KAFKA_VARIABLES = (
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_USERNAME",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SSL_CAFILE",
    "KAFKA_SSL_CERTFILE",
    "KAFKA_SSL_KEYFILE",
)
"""What the clients of a cluster of the user's own need to connect. Values may be passwords."""
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
    registry_variables: tuple[str, ...] = ()
    """Names of the variables that placed the registry's database or files elsewhere."""
    kafka_variables: tuple[str, ...] = ()
    """Names of the variables that its Kafka clients connect with."""


def write_record(settings: StackSettings) -> None:
    """Write what a stack starts with, readable for its user alone."""
    own = {name: getattr(settings, name) for name in _setting_names()}
    record = StackRecord(
        **own,
        bootstrap_servers=settings.bootstrap_servers,
        topic_prefix=os.environ.get(TOPIC_PREFIX, ""),
        registry_variables=_named(_REGISTRY_VARIABLES),
        kafka_variables=_named(_KAFKA_VARIABLES),
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
    """Return this process's environment, with the broker of the stack.

    Raises NotRunningError if no stack runs and no variable names a broker, and what
    broker_variables raises.
    """
    broker = broker_variables(given)
    names_broker = given.model_fields_set & {"external_kafka", "kafka_port"}
    if not names_broker and not Supervisord(given.data).is_running():
        raise NotRunningError(given.data)
    return {**os.environ, **broker}


def broker_variables(given: StackSettings) -> dict[str, str]:
    """Return the variables that name the running stack's broker and topics.

    Raises SettingsDifferError, and VariableMissingError if this shell has no access to the broker.
    """
    if missing := missing_kafka_variables(given.data):
        raise VariableMissingError(missing, "its Kafka requires them")
    record = read_record(given.data)
    prefix = {TOPIC_PREFIX: record.topic_prefix} if record and record.topic_prefix else {}
    return {"KAFKA_BOOTSTRAP_SERVERS": running_settings(given).bootstrap_servers, **prefix}


def missing_kafka_variables(data: Path) -> tuple[str, ...]:
    """Return the names of the running stack's Kafka variables that this shell does not have."""
    record = read_record(data)
    had = record.kafka_variables if record else ()
    return tuple(name for name in had if not os.environ.get(name))


def registry_environment(given: StackSettings) -> dict[str, str]:
    """Return this process's environment, with the registry's folder; a stack need not run.

    Raises SettingsDifferError, and VariableMissingError if the running stack's registry has its
    database or its files at a place that only a variable names, which is not set here.
    """
    settings = running_settings(given)
    record = read_record(given.data)
    had = record.registry_variables if record else ()
    missing = sorted({*had} - {*_named(_REGISTRY_VARIABLES)})
    if missing:
        raise VariableMissingError(missing, "the registry keeps its database or files there")
    return {
        **os.environ,
        "PNEUMO_REGISTRY_DATA_DIR": str(settings.data / "registry"),
        "PNEUMO_REGISTRY_PORT": str(settings.registry_port),
    }


def _named(variables: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in variables if os.environ.get(name))


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
