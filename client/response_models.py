"""The client's response models, as Python source, from the gateway's committed openapi.json.

A model takes the fields, types and defaults of its schemas. It does not take their limits and
enumerations, so that a newer gateway's responses can still be read. `model_sources` lists what
differs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from model_sources import MAPPING, MODELS, ModelSource

Schema = Mapping[str, Any]

_NULL = {"type": "null"}
_REF = "#/components/schemas/"
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_PLAIN |= {"null": "None", "object": MAPPING}
_INTERPRETED = "interpretation"
"""A text beside numbers; never required."""


_NAMES = {schema: name for name, model in MODELS.items() for schema in model.schemas}
_NAMES |= {"Job": "Job"}
_HEAD = """from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from pneumo.model_bases import (
    EpochValidation,
    Gaps,
    ResponseModel,
    StatefulJob,
    ValidationCurves,
)
"""


def render(openapi: Schema) -> str:
    """Return the source of all models. Raises KeyError if a schema or a field is missing."""
    schemas = openapi["components"]["schemas"]
    return "\n\n".join([_HEAD, *(_class(name, model, schemas) for name, model in MODELS.items())])


def _class(name: str, model: ModelSource, schemas: Schema) -> str:
    doc = model.doc.replace("\n", "\n    ").replace("\n    \n", "\n\n")
    end = "\n    " if "\n" in doc else ""
    lines = [f"class {name}({model.base}):", f'    """{doc}{end}"""', ""]
    return "\n".join([*lines, *(f"    {each}" for each in _fields(model, schemas))]) + "\n"


def _fields(model: ModelSource, schemas: Schema) -> Iterator[str]:
    merged: dict[str, Schema] = {}
    required: set[str] = set()
    for schema in (schemas[name] for name in reversed(model.schemas)):
        merged = {**merged, **schema["properties"]}
        required |= set(schema.get("required", ()))
    unknown = {*model.inherited, *model.omitted, *model.optional} - set(merged)
    if unknown:
        raise KeyError(f"{model.schemas} have no field {sorted(unknown)}")
    own = [name for name in merged if name not in (*model.inherited, *model.omitted)]
    for name in own:
        optional = name not in required or name in model.optional
        text = model.typed.get(name) or _annotation(merged[name], optional=optional)
        yield f'{name}: str = ""' if name == _INTERPRETED else f"{name}: {text}"
    yield from (f"{name}: {text}" for name, text in model.typed.items() if name not in own)


def _annotation(schema: Schema, *, optional: bool) -> str:
    kind = _type(schema)
    if kind.endswith("| None"):
        return f"{kind} = None"
    if "const" in schema or ("default" in schema and optional):
        return f"{kind} = {_default(schema.get('default', schema.get('const')))}"
    if not optional:
        return kind
    if kind.startswith("tuple"):
        return f"{kind} = ()"
    if kind.startswith("Mapping"):
        return f"{kind} = Field(default_factory=dict)"
    return f"{kind} = 0" if kind == "int" else f"{kind} | None = None"


def _default(value: object) -> str:
    return "()" if value == [] else repr(value)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return _NAMES[schema["$ref"].removeprefix(_REF)]
    if "anyOf" in schema:
        return " | ".join(map(_type, sorted(schema["anyOf"], key=lambda each: each == _NULL)))
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if schema["type"] == "array":
        return f"tuple[{_type(schema['items'])}, ...]"
    values = schema.get("additionalProperties", True)
    if schema["type"] == "object" and values is not True:
        return f"Mapping[str, {_type(values)}]"
    return _PLAIN[schema["type"]]
