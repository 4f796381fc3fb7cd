"""Work that may wait for what is served."""

import os
import sys
import threading

_LAST = 19


def step_back() -> None:
    """Let this thread come after all others from now on; where threads have no priority: nothing.

    On Linux a priority is a thread's own, and there is no way back without privilege. Models that
    such a thread loads are served as fast as others: inference runs in the thread that asks for it,
    and in those of OpenVINO that the first load made (tested).
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LAST)
