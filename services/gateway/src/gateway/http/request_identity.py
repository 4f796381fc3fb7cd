"""The client that a request counts for, wherever something is bounded per client."""

from starlette.types import Scope

from gateway.core.keys import ApiKey

API_KEY = "pneumo.key"
"""Name of the request's ApiKey in its ASGI scope; None on an open route."""


def client_of(scope: Scope) -> str:
    """Return the name of the request's API key, or the client's address without keys.

    An address begins with a blank, which no key's name does: neither passes for the other.
    """
    key: ApiKey | None = scope.get(API_KEY)
    client = scope.get("client") or ("unknown", 0)
    return f" {client[0]}" if key is None else key.name
