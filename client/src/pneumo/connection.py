"""Where the gateway is and who asks; and a step of a story as httpx takes it."""

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from importlib.metadata import version
from typing import Any, TypedDict

import httpx

from pneumo.bodies import Body
from pneumo.errors import PneumoError
from pneumo.proxies import is_loopback
from pneumo.stories import Open, Send

URL_VARIABLE = "PNEUMO_URL"
KEY_VARIABLE = "PNEUMO_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
DISTRIBUTION = "pneumostream-client"

_CONNECT_S = 5.0


class HttpOptions(TypedDict):
    """What both kinds of httpx client are made with."""

    base_url: str
    headers: Mapping[str, str]
    limits: httpx.Limits
    mounts: Mapping[str, None]


def resolve_url(url: str | None) -> str:
    """Give the gateway's address without a slash at its end. Raises PneumoError if it is none."""
    found = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
    try:
        parsed = httpx.URL(found)
    except httpx.InvalidURL as error:
        raise PneumoError(f"{found!r} is no address.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise PneumoError(f"{found!r} is no address: one begins with http:// or https://.")
    return found


def http_options(url: str, key: str | None, max_connections: int) -> HttpOptions:
    """Give what an httpx client is made with; the key goes into a header and nowhere else."""
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


def new_request(http: httpx.Client | httpx.AsyncClient, step: Send | Open) -> httpx.Request:
    """Make the request that a step sends."""
    call = step.call
    content: bytes | Iterable[bytes] | AsyncIterable[bytes] | None = call.content
    if isinstance(content, Body) and isinstance(http, httpx.AsyncClient):
        content = aiter(
            content
        )  # a Body is iterable both ways, and httpx prefers the synchronous one
    more: dict[str, Any] = {"json": call.json} if call.json is not None else {}
    return http.build_request(
        call.method,
        call.path,
        params=dict(call.params) or None,
        headers={**call.headers, **dict(step.headers)},
        content=content,
        timeout=httpx.Timeout(step.timeout_s, connect=min(_CONNECT_S, step.timeout_s)),
        **more,
    )
