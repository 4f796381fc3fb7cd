"""HTTP between the project's own services."""

import httpx


def new_internal_client(base_url: str, *, timeout_s: float) -> httpx.AsyncClient:
    """Make a client for another service of this deployment.

    It ignores HTTP_PROXY, ALL_PROXY and .netrc: a proxy for the outside world reaches neither
    loopback nor a cluster's names, and must not see radiographs. SSL_CERT_FILE and SSL_CERT_DIR
    still name the certificates to trust. timeout_s: of connecting, each read, each write.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=timeout_s,
        trust_env=False,
        verify=httpx.create_ssl_context(trust_env=True),
    )
