"""Whether the registry has started, and what it needs of others; looked at in the background."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from registry.ports import Artifacts

_INTERVAL_S = 2.0


class _Database(Protocol):
    async def ping(self) -> bool: ...


class ReadinessProbe:
    """Database and files. Not the broker: without it the registry still serves everybody.

    Ready from when each of them has answered once. From then on what fails is answered request by
    request, with a problem that says what is away: several registries share a database and a
    bucket, and would all leave their Service at once.
    """

    def __init__(self, database: _Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts
        self._found: Mapping[str, bool] = {"database": False, "artifacts": False}
        self._checks = self._found

    def checks(self) -> Mapping[str, bool]:
        """Give what has answered since the start."""
        return self._checks

    def dependencies(self) -> Mapping[str, bool]:
        """Give what was found last."""
        return self._found

    async def look(self) -> None:
        """Look once."""
        self._found = {
            "database": await self._database.ping(),
            "artifacts": await self._artifacts.is_available(),
        }
        self._checks = {name: found or self._checks[name] for name, found in self._found.items()}

    async def run(self) -> None:
        """Look every two seconds, for as long as it is not cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_INTERVAL_S)
