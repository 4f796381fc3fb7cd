"""Whether the registry can do its work, looked at in the background and answered at once."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from registry.ports import Artifacts

_INTERVAL_S = 2.0


class _Database(Protocol):
    async def ping(self) -> bool: ...


class ReadinessProbe:
    """Database and files. Not the broker: without it the registry still serves everybody."""

    def __init__(self, database: _Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts
        self._checks: Mapping[str, bool] = {"database": False, "artifacts": False}

    def checks(self) -> Mapping[str, bool]:
        """Give what was found last."""
        return self._checks

    async def look(self) -> None:
        """Look once."""
        self._checks = {
            "database": await self._database.ping(),
            "artifacts": await self._artifacts.is_available(),
        }

    async def run(self) -> None:
        """Look every two seconds, for as long as it is not cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_INTERVAL_S)
