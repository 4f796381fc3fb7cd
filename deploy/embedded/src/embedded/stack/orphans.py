"""Processes of our stack that no supervisor watches any more, found by a mark they carry."""

from pathlib import Path

import psutil

from embedded.stack.supervisor_config import STACK_VARIABLE

_TERM_WAIT_S = 15.0
_KILL_WAIT_S = 5.0


def find_orphans(data: Path) -> list[psutil.Process]:
    """Give every live process that carries the mark of this data folder."""
    return [process for process in psutil.process_iter() if _is_marked(process, data)]


def end_orphans(data: Path) -> int:
    """End every process that carries the mark, in order if it obeys; give how many there were."""
    found = find_orphans(data)
    for process in found:
        _end(process, kill=False)
    _, stubborn = psutil.wait_procs(found, timeout=_TERM_WAIT_S)
    for process in stubborn:
        _end(process, kill=True)
    psutil.wait_procs(stubborn, timeout=_KILL_WAIT_S)
    return len(found)


def _is_marked(process: psutil.Process, data: Path) -> bool:
    try:
        return bool(process.environ().get(STACK_VARIABLE) == str(data))
    except (psutil.Error, OSError):  # somebody else's, or gone
        return False


def _end(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
