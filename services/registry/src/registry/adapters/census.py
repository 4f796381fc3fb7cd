"""What there is, counted in the background for the metrics."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Gauge

from registry.core.dataset import bound_classes
from registry.core.gate_figures import shown_figures
from registry.ports import Store, StoreUnavailableError, Transaction
from shared.contracts.dataset import DatasetSummary
from shared.contracts.train import GateReport, JobState

_log = structlog.get_logger(__name__)
_INTERVAL_S = 5.0
_MAX_CLASSES = 50
"""Uploads may bring new classes: so many have a series of their own, the rest share one."""
_MS_A_SECOND = 1000


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look at the database saw. promoted_at_ms, current: None while there is no model."""

    dataset: DatasetSummary
    jobs: Mapping[JobState, int]
    gate: GateReport | None
    promoted_at_ms: int | None
    current: str | None


class Census:
    """Gauges over dataset, jobs, promotion and gate; they stay while the database is away."""

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
        self._promoted = Gauge(
            "pneumo_registry_last_promotion_timestamp_seconds",
            "When the current model became it, unix time; NaN while there is none.",
            registry=metrics,
        )
        # 0 would be a promotion in 1970.
        self._promoted.set(math.nan)
        self._current = Gauge(
            "pneumo_registry_current_model",
            "1 for the version that is current; no series while there is none.",
            ["version"],
            registry=metrics,
        )
        self._gate = Gauge(
            "pneumo_registry_gate_figure",
            "What the gate saw in the last candidate, and in the model that was current.",
            ["figure", "model"],
            registry=metrics,
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
        found = await self._store.read(_look)
        self._show_dataset(found.dataset)
        self._jobs.clear()
        for state, count in found.jobs.items():
            self._jobs.labels(state).set(count)
        if found.promoted_at_ms is not None:
            self._promoted.set(found.promoted_at_ms / _MS_A_SECOND)
        self._current.clear()
        if found.current is not None:
            self._current.labels(found.current).set(1)
        if found.gate is not None:
            self._show_gate(found.gate)

    def _show_dataset(self, summary: DatasetSummary) -> None:
        self._images.clear()
        for label, count in bound_classes(summary.by_class, _MAX_CLASSES).items():
            self._images.labels(label).set(count)
        self._conflicts.set(summary.conflicts)

    def _show_gate(self, gate: GateReport) -> None:
        self._gate.clear()
        for (figure, model), value in shown_figures(gate).items():
            self._gate.labels(figure, model).set(value)


def _look(tx: Transaction) -> _Found:
    promotion, current = tx.latest_promotion(), tx.current()
    return _Found(
        tx.dataset_summary(),
        tx.job_counts(),
        tx.last_gate(),
        None if promotion is None else promotion.promoted_at_ms,
        None if current is None else current.version,
    )
