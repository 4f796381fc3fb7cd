"""Markdown tables, and JSON Schemas as words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
_BOUNDS = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "{} characters at most"),
    ("minItems", "{} or more"),
    ("maxItems", "{} at most"),
    ("pattern", "`{}`"),
)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table; a cell may hold anything but a line's end, which becomes a blank."""
    lines = [_row(heads), "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def kind_of(schema: Schema, *, anchors: bool = True) -> str:
    """Say what a value is; of another schema its name, which leads to `#name` with anchors."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if anchors else name
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(kind_of(each, anchors=anchors) for each in schema[union])
    if values := schema.get("enum", [schema["const"]] if "const" in schema else ()):
        return ", ".join(f"`{value}`" for value in values)
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}), anchors=anchors)}"
    named = schema.get("additionalProperties")
    if isinstance(named, Mapping) and named:
        return f"object, name → {kind_of(named, anchors=anchors)}"
    return " ".join([_type_of(schema), *_bounds(schema)])


def fields_of(schema: Schema) -> str:
    """Give the table of an object's fields."""
    required = schema.get("required", ())
    rows = (
        (
            f"`{name}`",
            kind_of(value),
            "required" if name in required else _default(value),
            value.get("description", ""),
        )
        for name, value in schema.get("properties", {}).items()
    )
    return table(("field", "is", "default", "meaning"), rows)


def _row(cells: Sequence[str]) -> str:
    told = (cell.replace("\n", " ").replace("|", "\\|").strip() for cell in cells)
    return f"| {' | '.join(told)} |"


def _type_of(schema: Schema) -> str:
    kind = schema.get("format") if schema.get("format") == "binary" else schema.get("type")
    return {"binary": "bytes", None: "anything"}.get(kind, str(kind))


def _bounds(schema: Schema) -> Iterator[str]:
    for key, words in _BOUNDS:
        if key in schema:
            yield words.format(schema[key])


def _default(value: Schema) -> str:
    if "default" not in value or value["default"] is None:
        return ""
    default = value["default"]
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
