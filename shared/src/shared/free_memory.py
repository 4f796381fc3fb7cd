"""Memory that the allocator keeps after a large image goes back to the system."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def return_free_memory() -> None:
    """Have glibc return what is free in its arenas; elsewhere do nothing.

    glibc keeps freed blocks of up to 32 MB for the thread that had them, for good: a worker that
    had decoded two large images kept 500 MB. It takes some milliseconds.
    """
    _trim()()


@cache
def _trim() -> Callable[[], object]:
    if not sys.platform.startswith("linux"):
        return lambda: None
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return (lambda: malloc_trim(0)) if malloc_trim is not None else (lambda: None)
