"""The notice that a stack is ready, as systemd's Type=notify and `up --background` wait for it."""

import contextlib
import os
import socket
from dataclasses import dataclass

VARIABLE = "NOTIFY_SOCKET"
READY = b"READY=1"


@dataclass(frozen=True, slots=True)
class ReadyNotice:
    """The address of a process that waits until the stack is ready; None if none waits."""

    address: str | None

    @property
    def is_awaited(self) -> bool:
        """Return whether a process waits, so that this one runs without a terminal."""
        return self.address is not None

    def send(self) -> None:
        """Send the notice; a receiver that has gone away is no error."""
        if self.address is None:
            return
        # systemd writes an abstract address with "@" in the place of its zero byte.
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            sender.sendto(READY, address)


def take_ready_notice() -> ReadyNotice:
    """Return this process's notice; no program that it starts inherits the address."""
    return ReadyNotice(os.environ.pop(VARIABLE, None))
