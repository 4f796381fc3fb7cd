"""Ends this process with the one that started it, however that one ends."""

import os
import threading

_ORPHANED = 3


def exit_with_parent(pipe: int) -> None:
    """Watch a pipe that the parent holds open: when the kernel closes it, the parent is gone."""
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()


def _watch(pipe: int) -> None:
    # Unbuffered: at the end, Python would wait for a buffer's lock that this thread holds.
    while os.read(pipe, 1):
        pass
    # At once: what is half written has a name that nobody reads.
    os._exit(_ORPHANED)
