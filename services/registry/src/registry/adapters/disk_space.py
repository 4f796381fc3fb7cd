"""How much room the data folder's disk has, looked at in the background for the metrics."""

import asyncio
import shutil
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Gauge

_log = structlog.get_logger(__name__)
_INTERVAL_S = 5.0


class DiskSpace:
    """Gauges over one disk; the last figures stay while it does not answer."""

    def __init__(self, folder: Path, *, metrics: CollectorRegistry) -> None:
        self._folder = folder
        self._free = Gauge(
            "pneumo_registry_disk_free_bytes",
            "What the registry may still write on the disk of its data folder.",
            registry=metrics,
        )
        self._total = Gauge(
            "pneumo_registry_disk_total_bytes",
            "Size of the disk of the registry's data folder.",
            registry=metrics,
        )

    async def run(self) -> None:
        """Look every five seconds, for as long as it is not cancelled."""
        while True:
            try:
                disk = await asyncio.to_thread(shutil.disk_usage, self._folder)
            except OSError as error:
                _log.warning("disk not looked at", error=error.strerror)
            else:
                self._free.set(disk.free)
                self._total.set(disk.total)
            await asyncio.sleep(_INTERVAL_S)
