"""What there is, counted in the background for the metrics."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Gauge

from registry.core.dataset import bound_classes
from registry.ports import Store, StoreUnavailableError

_log = structlog.get_logger(__name__)
_INTERVAL_S = 5.0
_MAX_CLASSES = 50
"""Uploads may bring new classes: so many have a series of their own, the rest share one."""


class Census:
    """Gauges over dataset and jobs; the last figures stay while the database is away."""

    def __init__(self, store: Store, *, metrics: CollectorRegistry) -> None:
        self._store = store
        self._images = Gauge(
            "pneumo_registry_dataset_images",
            "Images of the dataset by class.",
            ["label"],
            registry=metrics,
        )
        self._conflicts = Gauge(
            "pneumo_registry_dataset_conflicts",
            "Images that await a decision on their label.",
            registry=metrics,
        )
        self._jobs = Gauge(
            "pneumo_registry_jobs", "Training jobs by state.", ["state"], registry=metrics
        )

    async def run(self) -> None:
        """Count every five seconds, for as long as it is not cancelled."""
        while True:
            try:
                await self._count()
            except StoreUnavailableError as error:
                _log.warning("nothing counted", error=str(error))
            await asyncio.sleep(_INTERVAL_S)

    async def _count(self) -> None:
        summary, jobs = await self._store.read(lambda tx: (tx.dataset_summary(), tx.job_counts()))
        self._images.clear()
        for label, count in bound_classes(summary.by_class, _MAX_CLASSES).items():
            self._images.labels(label).set(count)
        self._conflicts.set(summary.conflicts)
        self._jobs.clear()
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
