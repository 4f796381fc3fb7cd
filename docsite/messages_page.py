"""The topics as a page, out of the AsyncAPI document and the contracts."""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from docsite.messages import DESCRIBED, Described
from docsite.tables import fields_of, kind_of, table

_HEAD = """# Messages: every topic

What services say to each other over Kafka: [asyncapi.yaml](asyncapi.yaml) says the same to programs (AsyncAPI 3.0). Keys
and headers are strings; a body is an image as it was sent, or JSON. Readers ignore fields that they do not know. What is promised
of delivery: [delivery guarantees](../explanation/delivery.md)."""
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000))


def messages_page(document: Mapping[str, Any]) -> str:
    """Give the page: an overview, each topic, each body."""
    schemas = document["components"]["schemas"]
    heads = ("topic", "partitions", "kept", "written by", "read by")
    sections = [_HEAD, table(heads, (_overview(each) for each in DESCRIBED))]
    for each in DESCRIBED:
        message = document["components"]["messages"][f"{each.topic.name}:Message"]
        sections.append(_topic(each, message, schemas))
    sections.append("## Bodies")
    sections += [
        _body(name, schema)
        for name, schema in schemas.items()
        if not name.endswith(":Message:Payload")
    ]
    return "\n\n".join(sections) + "\n"


def _overview(each: Described) -> Sequence[str]:
    name = each.topic.name
    anchor = name.replace(".", "")
    partitions = str(each.topic.partitions)
    parties = (", ".join(each.written_by), ", ".join(each.read_by))
    return (f"[`{name}`](#{anchor})", partitions, _kept(each), *parties)


def _kept(each: Described) -> str:
    config = each.topic.config
    if config["cleanup.policy"] == "compact":
        return "the last of each key"
    kept_ms = int(config["retention.ms"])
    unit, length_ms = next(pair for pair in _UNITS if kept_ms % pair[1] == 0)
    return f"{kept_ms // length_ms} {unit}"


def _topic(each: Described, message: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    payload = message["payload"]
    named = schemas.get(payload.get("$ref", "").rpartition("/")[2], {})
    bodies = {bytes: "the image's bytes", NoneType: "none"}
    body = bodies.get(each.body) or _payload(payload, named)
    parts = [
        f"## {each.topic.name}",
        each.summary,
        f"Key: {each.key}. Body: {body}." + (" Or none." if each.tombstone else ""),
    ]
    if each.headers:
        rows = (
            (f"`{name}`", "required" if name in each.required else "", _said(header))
            for name, header in each.headers.items()
        )
        parts.append(table(("header", "", "meaning"), rows))
    return "\n\n".join(parts)


def _payload(payload: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    return kind_of(named) if "anyOf" in named else kind_of(payload)


def _said(header: Mapping[str, Any]) -> str:
    said = str(header["description"])
    if "const" in header:
        return f"{said} `{header['const']}`"
    if "enum" in header:
        return f"{said} {', '.join(f'`{value}`' for value in header['enum'])}"
    return said


def _body(name: str, schema: Mapping[str, Any]) -> str:
    parts = [f"### {name}", schema.get("description", "")]
    parts.append(fields_of(schema) if schema.get("properties") else kind_of(schema))
    return "\n\n".join(part for part in parts if part)
