"""Which requests a browser may send here. Pure decisions over a request's headers.

A web page can make its visitor's browser send requests to any address, loopback included, and with
a DNS name that it rebinds (evil.example -> 127.0.0.1) it can read the answers. Other clients send
neither `Origin` nor `Sec-Fetch-Site`, and name the server as it is called.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from shared.contracts.errors import ErrorCode

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Without OPTIONS: it is a preflight, whose response must state the reason."""

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_OWN_SITES = ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class BrowserPolicy:
    """allowed_hosts: names, or `*.` and a suffix. allowed_origins: as browsers write them."""

    allowed_hosts: frozenset[str] = frozenset()
    allowed_origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RequestSource:
    """The headers that show where a request comes from, each with all its values."""

    hosts: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    fetch_sites: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BrowserRefusal:
    """Why a request is refused with 403."""

    code: ErrorCode
    detail: str


def new_browser_policy(hosts: Iterable[str], origins: Iterable[str] = ()) -> BrowserPolicy:
    """Make a policy; names and origins are compared in lower case."""
    return BrowserPolicy(
        frozenset(host.lower() for host in hosts), frozenset(each.lower() for each in origins)
    )


def find_browser_refusal(
    policy: BrowserPolicy, method: str, source: RequestSource
) -> BrowserRefusal | None:
    """Return why this request is refused, or None if it is allowed."""
    if not all(is_allowed_host(policy, host) for host in source.hosts):
        detail = (
            "Unknown Host header. Use the server's address, or add the name to"
            " PNEUMO_HTTP_ALLOWED_HOSTS."
        )
        return BrowserRefusal(ErrorCode.HOST_NOT_ALLOWED, detail)
    if method in SAFE_METHODS or not _is_cross_site(policy, source):
        return None
    detail = (
        "Pages of other origins may not change anything (CORS is off for this origin). Allow the"
        " origin with PNEUMO_GATEWAY_ALLOWED_ORIGINS."
    )
    return BrowserRefusal(ErrorCode.CROSS_SITE_REQUEST, detail)


def is_allowed_host(policy: BrowserPolicy, host: str) -> bool:
    """Return whether a Host header names this server.

    Any IP address does: it involves no DNS, so it cannot be rebound, and a page that sends its
    visitor's browser to an address is of another origin and refused as such. Probes and Prometheus
    use addresses in a cluster.
    """
    matched = _HOST.fullmatch(host.lower())
    if matched is None:
        return False
    name = matched["name"].removesuffix(".")
    if name == "localhost" or _is_address(name) or name in policy.allowed_hosts:
        return True
    labels = name.split(".")
    suffixes = ("*." + ".".join(labels[n:]) for n in range(1, len(labels)))
    return any(suffix in policy.allowed_hosts for suffix in suffixes)


def _is_cross_site(policy: BrowserPolicy, source: RequestSource) -> bool:
    if source.origins and all(each.lower() in policy.allowed_origins for each in source.origins):
        return False
    if any(site.lower() not in _OWN_SITES for site in source.fetch_sites):
        return True
    return not all(_is_own_origin(each, source.hosts) for each in source.origins)


def _is_own_origin(origin: str, hosts: list[str]) -> bool:
    # The scheme is not compared: behind a proxy that ends TLS ours is http and theirs https.
    scheme, _, authority = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if port is None:
        return False  # "null", extensions, files
    own = {_with_port(host.lower(), port) for host in hosts}
    return own == {_with_port(authority, port)}


def _with_port(authority: str, default: str) -> str:
    matched = _HOST.fullmatch(authority)
    return "" if matched is None else f"{matched['name']}:{matched['port'] or default}"


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
