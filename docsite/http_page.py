"""The gateway's routes as a page, out of its OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from docsite.tables import fields_of, kind_of, table

_HEAD = """# HTTP: every route

What the gateway says of itself, as a running one does at `/docs`: [openapi.json](openapi.json). How the routes belong
together is told in [the HTTP API](../architecture/http-api.md), every code in [errors](../architecture/errors.md)."""
_CLIENTS_MISTAKE = "4"

Document = Mapping[str, Any]


def http_page(document: Document) -> str:
    """Give the page: an overview, each route, each body."""
    routes = list(_routes(document))
    overview = table(("route", "does", "scope"), (_overview(*route) for route in routes))
    sections = [_HEAD, overview]
    for tag in dict.fromkeys(_tag(operation) for _, operation in routes):
        sections.append(f"## {tag.capitalize()}")
        sections += [_route(*route) for route in routes if _tag(route[1]) == tag]
    sections.append("## Bodies")
    sections += [_body(*each) for each in document["components"]["schemas"].items()]
    return "\n\n".join(sections) + "\n"


def _routes(document: Document) -> Iterator[tuple[str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def _tag(operation: Document) -> str:
    tags = operation.get("tags") or ["other"]
    return str(tags[0])


def _words(operation: Document) -> tuple[str, str]:
    """Give the description and the scope, which the gateway appends to it."""
    told, _, scope = str(operation.get("description", "")).partition("Scope:")
    if "security" not in operation:
        return told.strip(), "open"
    return told.strip(), scope.strip(" .`\n") or "any key"


def _overview(name: str, operation: Document) -> tuple[str, str, str]:
    told, scope = _words(operation)
    anchor = "".join(c for c in name.lower().replace(" ", "-") if c.isalnum() or c in "-_")
    return f"[`{name}`](#{anchor})", told.partition("\n\n")[0], scope


def _route(name: str, operation: Document) -> str:
    told, scope = _words(operation)
    parts = [f"### {name}", told, f"Scope: {scope}." if scope != "open" else "Needs no key."]
    parameters = operation.get("parameters", ())
    if parameters:
        parts.append(table(("parameter", "in", "is", "meaning"), map(_parameter, parameters)))
    content = operation.get("requestBody", {}).get("content", {})
    parts += [f"Body: {_content(content)}."] if content else []
    parts += list(map(_form, (content.get("multipart/form-data"),))) if content else []
    answers = [_answer(*each) for each in sorted(operation["responses"].items())]
    parts.append(table(("status", "answer", ""), answers))
    return "\n\n".join(part for part in parts if part)


def _parameter(parameter: Document) -> tuple[str, ...]:
    needed = "" if not parameter.get("required") else " (required)"
    kind = kind_of(parameter.get("schema", {}))
    said = parameter.get("description", "")
    return f"`{parameter['name']}`{needed}", parameter["in"], kind, said


def _content(content: Document) -> str:
    return " or ".join(
        f"`{media}`" + (f": {kind_of(body['schema'])}" if "$ref" in str(body) else "")
        for media, body in content.items()
    )


def _form(form: Document | None) -> str:
    schema = (form or {}).get("schema", {})
    return fields_of(schema) if schema.get("properties") else ""


def _answer(status: str, response: Document) -> tuple[str, str, str]:
    content = response.get("content", {})
    if status.startswith((_CLIENTS_MISTAKE, "5")) and "problem+json" in str(content):
        return status, "[Problem](#problem)", response["description"].removeprefix("Problem: ")
    told = response["description"]
    return status, _content(content), "" if told == "Successful Response" else told


def _body(name: str, schema: Document) -> str:
    parts = [f"### {name}", schema.get("description", "")]
    parts.append(fields_of(schema) if schema.get("properties") else kind_of(schema))
    return "\n\n".join(part for part in parts if part)
