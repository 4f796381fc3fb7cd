# ruff: noqa: INP001  a script that images copy, no package
"""What an image's HEALTHCHECK runs: exit 0 if the service says 200 on loopback.

IMAGE_HEALTH, set by the Dockerfile: port and path, "8000/health/ready". On a bare socket, because
this runs every few seconds beside every service: with urllib it takes more than twice the CPU.
"""

import os
import socket
import sys

_TIMEOUT_S = 3.0


def is_healthy(port: int, path: str) -> bool:
    """Tell whether http://127.0.0.1:port/path is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return connection.recv(64).split(b" ", 2)[1] == b"200"
    except (OSError, IndexError):
        return False


if __name__ == "__main__":
    port, _, path = os.environ["IMAGE_HEALTH"].partition("/")
    sys.exit(0 if is_healthy(int(port), f"/{path}") else 1)
