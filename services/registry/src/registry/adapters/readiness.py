"""Whether the registry can do its work, looked at in the background and answered at once."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

_INTERVAL_S = 2.0


class _Database(Protocol):
    async def ping(self) -> bool: ...


class _Disk(Protocol):
    async def is_writable(self) -> bool: ...


class ReadinessProbe:
    """Database and disk. Not the broker: without it the registry still serves everybody."""

    def __init__(self, database: _Database, disk: _Disk) -> None:
        self._database = database
        self._disk = disk
        self._checks: Mapping[str, bool] = {"database": False, "artifacts": False}

    def checks(self) -> Mapping[str, bool]:
        """Give what was found last."""
        return self._checks

    async def look(self) -> None:
        """Look once."""
        self._checks = {
            "database": await self._database.ping(),
            "artifacts": await self._disk.is_writable(),
        }

    async def run(self) -> None:
        """Look every two seconds, for as long as it is not cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_INTERVAL_S)
