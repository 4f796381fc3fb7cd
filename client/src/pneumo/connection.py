"""The gateway's address and key, and requests as httpx sends them."""

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from importlib.metadata import version
from typing import Any, TypedDict

import httpx

from pneumo.bodies import Body
from pneumo.endpoints import Endpoint
from pneumo.errors import PneumoError
from pneumo.proxies import is_loopback

URL_VARIABLE = "PNEUMO_URL"
KEY_VARIABLE = "PNEUMO_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
DISTRIBUTION = "pneumostream-client"

_CONNECT_S = 5.0
_MIN_TIMEOUT_S = 0.05
_GRACE_S = 5.0
"""Time for a response to arrive after the gateway's own wait has ended."""


class HttpOptions(TypedDict):
    """Arguments of both kinds of httpx client."""

    base_url: str
    headers: Mapping[str, str]
    limits: httpx.Limits
    mounts: Mapping[str, None]


def resolve_url(url: str | None) -> str:
    """Return the gateway's address without a slash at its end. Raises PneumoError if it is none."""
    found = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
    try:
        parsed = httpx.URL(found)
    except httpx.InvalidURL as error:
        raise PneumoError(f"{found!r} is not a URL.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise PneumoError(f"{found!r} is not a URL that starts with http:// or https://.")
    return found


def http_options(url: str, key: str | None, max_connections: int) -> HttpOptions:
    """Return the arguments of an httpx client; the key is stored in a header only."""
    headers = {"User-Agent": f"{DISTRIBUTION}/{version(DISTRIBUTION)}"}
    secret = key or os.environ.get(KEY_VARIABLE)
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    limits = httpx.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections
    )
    host = httpx.URL(url).host
    literal = f"[{host}]" if ":" in host else host
    direct: dict[str, None] = {f"all://{literal}": None} if is_loopback(host) else {}
    return HttpOptions(base_url=url, headers=headers, limits=limits, mounts=direct)


def new_request(
    http: httpx.Client | httpx.AsyncClient, endpoint: Endpoint[Any], left_s: float
) -> httpx.Request:
    """Return the request of an endpoint. left_s: the caller's remaining time."""
    timeout_s, headers = left_s, dict(endpoint.headers)
    if endpoint.wait_s is not None:
        wait_s = max(_MIN_TIMEOUT_S, min(endpoint.wait_s, left_s))
        timeout_s = min(left_s, wait_s + _GRACE_S)
        respond = "respond-async, " if endpoint.respond_async else ""
        headers["Prefer"] = f"{respond}wait={wait_s:g}"
    timeout_s = max(timeout_s, _MIN_TIMEOUT_S)
    content: bytes | Iterable[bytes] | AsyncIterable[bytes] | None = endpoint.content
    if isinstance(content, Body) and isinstance(http, httpx.AsyncClient):
        content = aiter(
            content
        )  # a Body is iterable both ways, and httpx prefers the synchronous one
    params = {name: value for name, value in endpoint.params.items() if value is not None}
    body: dict[str, Any] = {} if endpoint.json is None else {"json": endpoint.json}
    return http.build_request(
        endpoint.method,
        endpoint.path,
        params=params or None,
        headers=headers,
        content=content,
        timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        **body,
    )
