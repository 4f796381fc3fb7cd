"""A request's files on disk, in an unnamed temporary file."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from gateway.ports import SpoolFullError


class FileSpool:
    """Bytes, appended in order and read back by position. Blocking; any thread may read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def append(self, chunk: bytes) -> None:
        """Append bytes. Raises SpoolFullError."""
        left = memoryview(chunk)
        try:
            while left:
                # Unbuffered: on a disk that fills, it writes a part and reports how much.
                left = left[self._file.write(left) :]
        except OSError as error:
            raise SpoolFullError(str(error)) from error

    def read(self, start: int, size_bytes: int) -> bytes:
        """Return the bytes from `start` on, fewer at the end. Raises SpoolFullError."""
        try:
            return os.pread(self._file.fileno(), size_bytes, start)
        except OSError as error:
            raise SpoolFullError(str(error)) from error


@contextmanager
def new_spool() -> Iterator[FileSpool]:
    """Open a spool in the temporary folder; the end of the block deletes it.

    Raises SpoolFullError.
    """
    try:
        file = tempfile.TemporaryFile(prefix="pneumo-upload-", buffering=0)  # noqa: SIM115  closed below
    except OSError as error:
        raise SpoolFullError(str(error)) from error
    with file:
        yield FileSpool(file)
