"""curl's URLs judged by the routes that the services have."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from prometheus_client import CollectorRegistry

from docsite.gateway_description import Unasked, gateway_description
from registry.http.app import new_app

_HEALTH = ("/health/live", "/health/ready", "/metrics")
_PAGES = {"gateway": ("/", "/docs", "/openapi.json"), "registry": ("/docs", "/openapi.json")}
_UI = ("/", "/retrain", "/insights", "/status", "/_stcore/health")
_SERVICES = {8000: "gateway", 8001: "registry", 8002: "trainer", 8501: "ui"}
_FIRST_WORKER, _LAST_WORKER = 8010, 8073
_BODY = re.compile(r"--(?:data|form|json)|-[A-Za-eg-z]*[dF]")
_REQUEST = re.compile(r"-[A-WYZa-z]*X(\S*)|--request")
_UPLOAD = re.compile(r"-[A-SU-Za-z]*T|--upload-file")

Routes = Mapping[str, Mapping[str, Any]]


def wrong_for_curl(words: Sequence[str]) -> str | None:
    """Return what no service of the stack has of a curl command; None if all is known."""
    for word in words:
        service = _service_of(word)
        if service is not None:
            wrong = _wrong_url(service, word, _method(words))
            if wrong is not None:
                return wrong
    return None


def _service_of(word: str) -> str | None:
    if word.startswith("…/"):
        return "gateway"
    if not word.startswith(("http://", "https://")):
        return None
    parts = urlsplit(word)
    port = parts.port
    if port is not None and _FIRST_WORKER <= port <= _LAST_WORKER:
        return "worker"
    return _SERVICES.get(port or 0)


def _wrong_url(service: str, url: str, method: str) -> str | None:
    parts = urlsplit(url.removeprefix("…"))
    path = parts.path or "/"
    if path in _plain_paths(service):
        return None if method == "get" else f"{service}: no {method.upper()} {path}"
    operation = _operation(_routes(service), path, method)
    if operation is None:
        return f"{service}: no {method.upper()} {path}"
    known = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
    unknown = sorted({name for name, _ in parse_qsl(parts.query)} - known)
    return f"{service}: {path} has no parameter {unknown[0]}" if unknown else None


def _operation(routes: Routes, path: str, method: str) -> Mapping[str, Any] | None:
    if path in routes:  # before a template that its last word would fit
        return routes[path].get(method)
    for template, operations in routes.items():
        pattern = re.sub(r"\\\{[a-z_0-9]+\\\}", "[^/]+", re.escape(template))
        if method in operations and re.fullmatch(pattern, path):
            return cast("Mapping[str, Any]", operations[method])
    return None


def _method(words: Sequence[str]) -> str:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        request = _REQUEST.fullmatch(word)
        if request is not None:
            return (request[1] or following).lower()
    if any(_UPLOAD.fullmatch(word) for word in words):
        return "put"
    return "post" if any(_BODY.match(word) for word in words) else "get"


def _plain_paths(service: str) -> Sequence[str]:
    return _UI if service == "ui" else (*_HEALTH, *_PAGES.get(service, ()))


@functools.cache
def _routes(service: str) -> Routes:
    if service == "gateway":
        return cast("Routes", gateway_description()["paths"])
    return cast("Routes", _registry_description()["paths"]) if service == "registry" else {}


def _registry_description() -> dict[str, Any]:
    """Return the registry's OpenAPI document, made without a database or a port."""
    app = new_app(
        cast("Any", Unasked()),
        readiness=dict,
        dependencies=dict,
        metrics=CollectorRegistry(),
        max_artifact_bytes=1,
        new_id=str,
        browsers=cast("Any", Unasked()),
    )
    return app.openapi()
