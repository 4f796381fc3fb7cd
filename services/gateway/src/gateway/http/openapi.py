"""The OpenAPI description, completed with what the edge answers for every route."""

from typing import Any

from fastapi import FastAPI

from gateway.core.permissions import ROUTES, KeyScope, Public
from gateway.http.formats.problems import PROBLEM_SCHEMA, problem_responses
from shared.contracts.errors import ErrorCode

_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_MALFORMED = problem_responses(ErrorCode.MALFORMED_REQUEST)
_SLOW = problem_responses(ErrorCode.REQUEST_TIMEOUT)
_KEYED = problem_responses(ErrorCode.UNAUTHENTICATED, ErrorCode.RATE_LIMITED)
_SCOPED = problem_responses(ErrorCode.FORBIDDEN)


class DescribedApp(FastAPI):
    """An app whose /openapi.json documents keys, rates and problems, not FastAPI's own 422."""

    def openapi(self) -> dict[str, Any]:
        """Return the description; it is made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _amended(super().openapi())
        return self.openapi_schema


def _amended(document: dict[str, Any]) -> dict[str, Any]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _amend(operation, ROUTES.get(path, {}).get(method.upper(), Public.ANY_KEY))
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = _SCHEMES
    return document


def _amend(operation: dict[str, Any], need: KeyScope | Public) -> None:
    responses = operation["responses"]
    if _FRAMEWORKS_OWN[0] in str(responses.get("422")):
        # A request that FastAPI cannot parse is answered with 400 and a problem (problems.py).
        del responses["422"]
        _add(responses, _MALFORMED)
    if "requestBody" in operation:
        _add(responses, _SLOW)
    if need is Public.OPEN:
        return
    operation["security"] = [{name: []} for name in _SCHEMES]
    _add(responses, _KEYED)
    if isinstance(need, KeyScope):
        operation["description"] = _with_scope(operation.get("description", ""), need)
        _add(responses, _SCOPED)


def _add(responses: dict[str, Any], more: dict[int | str, dict[str, Any]]) -> None:
    for status, response in more.items():
        responses.setdefault(str(status), response)


def _with_scope(description: str, scope: KeyScope) -> str:
    return f"{description}\n\nScope: `{scope.value}`.".strip()
