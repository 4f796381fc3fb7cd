"""Loopback ports: is one free, and which ones are."""

import socket
from collections.abc import Sequence
from contextlib import ExitStack

from embedded.errors import PortTakenError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Tell whether nobody listens on this loopback port."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free, one with a listener is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def ensure_free(port: int, setting: str) -> None:
    """Raise PortTakenError, naming the setting that moves the port, if somebody listens there."""
    ensure_all_free([(port, setting)])


def ensure_all_free(ports: Sequence[tuple[int, str]]) -> None:
    """Raise one PortTakenError with every taken port, each given with the setting that moves it."""
    taken = [(port, setting) for port, setting in ports if not is_free(port)]
    if taken:
        raise PortTakenError(*taken)


def free_ports(count: int) -> list[int]:
    """Give ports that are free right now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in sockets]
