"""Which proxy, if any, is between this machine and an address."""

import ipaddress
from urllib.request import getproxies, proxy_bypass

import httpx


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, which no proxy reaches, whatever HTTP_PROXY says."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(url: str) -> str | None:
    """Return the address of the proxy for this address, without its password; None if direct."""
    target, proxies = httpx.URL(url), getproxies()
    found = proxies.get(target.scheme) or proxies.get("all")
    if not found or is_loopback(target.host) or proxy_bypass(target.host):
        return None
    proxy = httpx.URL(found if "://" in found else f"http://{found}")
    return str(proxy.copy_with(username="", password=""))
