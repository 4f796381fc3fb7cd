"""`python -m gateway.adapters.dicom_decoder`: decodes DICOM files, apart from everything else.

The decoders are native code and the files are strangers': this process has no connection, no
secret and no file of its own, may use so much memory and CPU time and no more, and is replaced
when it dies. Its output quotes files, so it is discarded.
"""

import os
import resource
import sys
from collections.abc import Callable
from math import ceil
from typing import BinaryIO

from gateway.adapters.dicom_frames import READY, REQUEST, Reply, encode_reply
from gateway.adapters.dicom_reasons import find_fault
from gateway.core.dicom import Rendered

Render = Callable[[bytes], Rendered]

_MAX_OPEN_FILES = 64


def serve(render: Render, *, cpu_s: float) -> None:
    """Reply to each file with its image or a fault, until the gateway closes the pipe."""
    # Native code prints to stdout, which carries the replies: send its output to /dev/null.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    with open(os.devnull, "wb") as null:  # noqa: PTH123  a device
        os.dup2(null.fileno(), sys.stdout.fileno())
    _write(replies, READY)
    while content := _read_file(sys.stdin.buffer):
        _allow(cpu_s)
        _write(replies, encode_reply(_answer(render, content)))


def bound(memory_bytes: int) -> None:
    """Drop privileges and resources that a decoder does not need."""
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),  # a core dump would contain the patient's image
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))


def _answer(render: Render, content: bytes) -> Reply:
    try:
        return render(content)
    except Exception as error:  # noqa: BLE001  the boundary around one file; pydicom may raise anything
        return find_fault(error)


def _allow(cpu_s: float) -> None:
    # The kernel ends what is over it, even if the gateway has died meanwhile.
    used = resource.getrusage(resource.RUSAGE_SELF)
    until_s = ceil(used.ru_utime + used.ru_stime + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until_s, resource.RLIM_INFINITY))


def _read_file(requests: BinaryIO) -> bytes:
    head = requests.read(REQUEST.size)
    return requests.read(*REQUEST.unpack(head)) if len(head) == REQUEST.size else b""


def _write(replies: BinaryIO, reply: bytes) -> None:
    left = memoryview(reply)
    while left:
        left = left[replies.write(left) :]


def main(arguments: list[str]) -> None:
    """Serve. arguments: bytes of memory, seconds of CPU time per file, pixels of an image."""
    memory_bytes, max_pixels = int(arguments[0]), int(arguments[2])
    bound(memory_bytes)
    # Here, and nowhere in the gateway itself.
    from gateway.adapters.dicom_file import render  # noqa: PLC0415

    serve(lambda content: render(content, max_pixels=max_pixels), cpu_s=float(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
