"""The data folder, readable for the user who runs the stack and for nobody else."""

import os
import stat
from pathlib import Path

from embedded.errors import DataFolderError

PRIVATE_UMASK = 0o077
_PRIVATE = 0o700
_OTHERS = 0o077


def make_private(folder: Path) -> int | None:
    """Make `folder`, or close it to other users; give the mode that it had if it was open.

    What this process and its children create from now on is private, too. Raises DataFolderError.
    """
    os.umask(PRIVATE_UMASK)
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        before = stat.S_IMODE(folder.stat().st_mode)
        if not before & _OTHERS:
            return None
        folder.chmod(_PRIVATE)
    except OSError as error:
        raise DataFolderError(
            f"The data folder {folder} cannot be made, or closed to other users:"
            f" {error.strerror}. Name another with PNEUMO_DATA."
        ) from error
    return before
