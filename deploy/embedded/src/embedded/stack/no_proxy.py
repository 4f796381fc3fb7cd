"""Loopback without a proxy, for every program that the supervisor starts."""

from collections.abc import Mapping

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NAMES = ("NO_PROXY", "no_proxy")


def without_proxy_for_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with loopback added to the hosts that no proxy is used for.

    Both spellings get the same hosts: programs differ in which one they read.
    """
    listed = ",".join(environment.get(name, "") for name in _NAMES).split(",")
    hosts = dict.fromkeys([*(host.strip() for host in listed if host.strip()), *_LOOPBACK])
    return {**environment, **dict.fromkeys(_NAMES, ",".join(hosts))}
