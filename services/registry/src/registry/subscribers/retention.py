"""The passing of time: versions that newer ones have replaced are deleted."""

import asyncio

import structlog

from registry.ports import ArtifactsUnavailableError, StoreUnavailableError
from registry.service.retention import RetentionService

_log = structlog.get_logger(__name__)
_INTERVAL_S = 600.0


class RetentionSweep:
    """Looks every ten minutes which versions and files are to be deleted."""

    def __init__(self, service: RetentionService) -> None:
        self._service = service

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                versions = await self._service.sweep()
            except (StoreUnavailableError, ArtifactsUnavailableError) as error:
                _log.warning("models not deleted", error=str(error))
            else:
                if versions:
                    _log.info("models deleted", versions=versions)
            await asyncio.sleep(_INTERVAL_S)
