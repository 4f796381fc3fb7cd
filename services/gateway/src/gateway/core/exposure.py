"""Whether a gateway may be served on an address."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches the address; of other names nothing is known."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def find_exposure(host: str, *, has_keys: bool, insecure: bool) -> str | None:
    """Give the sentence that refuses to serve everybody everything, or None if all is well."""
    if has_keys or insecure or is_loopback(host):
        return None
    return (
        f"The gateway does not serve {host} to everybody: name a file of API keys with "
        "PNEUMO_GATEWAY_KEYS_FILE (made by `python -m gateway keys new`), or say "
        "PNEUMO_GATEWAY_INSECURE=true or --insecure."
    )
