"""Whether it is safe to serve on an address."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address; False for unknown names."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def find_exposure(host: str, *, has_keys: bool, insecure: bool) -> str | None:
    """Return why serving this address without keys is refused, or None if it is safe."""
    if has_keys or insecure or is_loopback(host):
        return None
    return (
        f"The gateway does not serve {host} without API keys. Set PNEUMO_GATEWAY_KEYS_FILE to a "
        "file of keys (created by `python -m gateway keys new`), or allow every client with "
        "PNEUMO_GATEWAY_INSECURE=true or --insecure."
    )
