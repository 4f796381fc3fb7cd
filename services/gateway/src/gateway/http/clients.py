"""Whose request it is: the subject of everything that is bounded per client."""

from starlette.types import Scope

from gateway.core.keys import ApiKey
from gateway.http.keys import KEY


def client_of(scope: Scope) -> str:
    """Return the name of the request's key, or its address where there are no keys.

    A key's name begins with no blank, so no address can pass for one.
    """
    key: ApiKey | None = scope.get(KEY)
    client = scope.get("client") or ("unknown", 0)
    return f" {client[0]}" if key is None else key.name
