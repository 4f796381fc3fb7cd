"""The end of a log file, for the person who must find out what went wrong."""

from pathlib import Path

_TAIL_BYTES = 64 * 1024


def last_lines(path: Path, count: int = 20) -> tuple[str, ...]:
    """Give the last lines of a text file, oldest first; none if it does not exist."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            return tuple(log.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ()
