"""Byte strings on a pipe, one after another: their length in four bytes, then they themselves."""

import math
import os
import select
import time

_BLOCK_BYTES = 1024 * 1024
_LENGTH_BYTES = 4


def frame_of(content: bytes) -> tuple[bytes, bytes]:
    """Give what is written for one byte string."""
    return len(content).to_bytes(_LENGTH_BYTES), content


class Frames:
    """What arrives at a descriptor. It waits for as long as it may, whoever is slow."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._arrived = bytearray()
        self._until = math.inf
        self._has_ended = False

    def wait_until(self, moment_s: float) -> None:
        """Read nothing any more from a moment on, in seconds of `time.monotonic`."""
        self._until = moment_s

    @property
    def are_read(self) -> bool:
        """Tell whether all that was sent has been taken."""
        return self._has_ended and not self._arrived

    def take(self) -> bytes | None:
        """Give the next one; None where the time is up or the sender has closed."""
        length = self._take(_LENGTH_BYTES)
        return None if length is None else self._take(int.from_bytes(length))

    def _take(self, size_bytes: int) -> bytes | None:
        while len(self._arrived) < size_bytes:
            if not self._is_readable():
                return None
            block = os.read(self._descriptor, _BLOCK_BYTES)
            self._has_ended = not block
            if self._has_ended:
                return None
            self._arrived += block
        taken = bytes(self._arrived[:size_bytes])
        del self._arrived[:size_bytes]
        return taken

    def _is_readable(self) -> bool:
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            return False
        wait_s = None if left_s == math.inf else left_s
        return bool(select.select([self._descriptor], [], [], wait_s)[0])
