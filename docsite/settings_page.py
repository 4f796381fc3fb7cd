"""Every setting of every service as a page, out of the classes that read them."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, get_args

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from docsite.tables import kind_of, table
from embedded.stack.settings import REPOSITORY, StackSettings
from gateway.settings import Settings as GatewaySettings
from inference_worker.settings import Settings as WorkerSettings
from registry.settings import Settings as RegistrySettings
from shared.http.settings import HttpSettings
from shared.kafka.settings import KafkaSettings
from shared.observability.tracing import TracingSettings
from trainer.settings import Settings as TrainerSettings

_HEAD = """# Settings: every variable

Settings are environment variables. Each has a default that is safe on one machine: everything listens on loopback, and memory and
time are bounded. `make up` passes all `KAFKA_*`, `OTEL_*` and `PNEUMO_*` variables on to the services."""
_SECTIONS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Kafka, for every service and tool", KafkaSettings),
    ("HTTP, of every service", HttpSettings),
    ("Gateway", GatewaySettings),
    ("Inference worker", WorkerSettings),
    ("Registry", RegistrySettings),
    ("Trainer", TrainerSettings),
    ("Traces, of gateway and worker", TracingSettings),
    ("The embedded stack, `make up`", StackSettings),
)
_ALIKE = {
    "id": "The name of this process, in logs, at Kafka and at the registry.",
    "host": "The address that it listens on.",
    "port": "The port that it listens on.",
    "log_level": "The least important lines that are written: DEBUG, INFO, WARNING or ERROR.",
    "registry_url": "Where the registry is.",
    "registry_timeout_s": "How long the registry may take to answer, seconds.",
    "model_name": "The model that is served: the key of its events.",
    "publish_timeout_s": "How long Kafka may take to confirm a record, seconds.",
    "cache_dir": "What may be thrown away and is made again: bundles by their sha256.",
}
"""What is alike in all services, unless one says it in words of its own."""


def settings_page() -> str:
    """Give the page: a table a class."""
    sections = [_HEAD]
    for title, settings in _SECTIONS:
        doc = inspect.getdoc(settings) or ""
        rows = table(("variable", "is", "default", "meaning"), _rows(settings))
        sections += [f"## {title}", doc, rows]
    return "\n\n".join(sections) + "\n"


def unexplained() -> Sequence[str]:
    """Name the settings that nobody says the meaning of."""
    return [
        f"{settings.__module__}.{name}"
        for _, settings in _SECTIONS
        for name, meaning in _meanings(settings).items()
        if not meaning
    ]


def _rows(settings: type[BaseSettings]) -> Iterator[Sequence[str]]:
    schema = settings.model_json_schema(by_alias=False)["properties"]
    for name, meaning in _meanings(settings).items():
        field = settings.model_fields[name]
        kind = kind_of(_of_value(schema[name]), anchors=False)
        yield _variables(settings, name, field), kind, _default(field), meaning


def _meanings(settings: type[BaseSettings]) -> Mapping[str, str]:
    """Give every variable's meaning, in their order; what is a class of settings is none."""
    said = _docstrings(settings)
    return {
        name: said.get(name) or _ALIKE.get(name, "")
        for name, field in settings.model_fields.items()
        if not _is_settings(field.annotation)
    }


def _docstrings(settings: type[BaseSettings]) -> Mapping[str, str]:
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(found, ast.ClassDef)
    return {
        before.target.id: inspect.cleandoc(after.value.value)
        for before, after in zip(found.body, found.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def _variables(settings: type[BaseSettings], name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return " or ".join(f"`{choice}`" for choice in alias.choices)
    if isinstance(alias, str):
        return f"`{alias}`"
    return f"`{settings.model_config.get('env_prefix', '')}{name}`".upper()


def _of_value(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    values = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return values[0] if values else schema


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "made at each start"
    default = field.default
    if default is None or default == "":
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    text = str(default).removeprefix(f"{REPOSITORY}/")
    return f"`{text}`"


def _is_settings(annotation: Any) -> bool:
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    return any(isinstance(kind, type) and issubclass(kind, BaseSettings) for kind in kinds)
