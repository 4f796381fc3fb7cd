"""Two ends of a copy: a registry that runs, and a folder that is a backup."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from registry.ports.files import Artifacts, ImageFiles
from registry.ports.store import Store

CopyRows: TypeAlias = Callable[[], Awaitable[None]]
"""Copies every row of one moment from one end to the other, all or nothing.

Raises BackupError, StoreUnavailableError.
"""


class BackupError(Exception):
    """A registry cannot be copied; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class End:
    """All that a registry keeps: rows, and the files that they name."""

    store: Store
    artifacts: Artifacts
    images: ImageFiles
