import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from registry.adapters.census import Census
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.jobs import KeptJob, new_job
from registry.core.lifecycle import Promote
from registry.ports import Transaction
from shared.contracts.models import ModelRecord
from shared.contracts.train import GateReport, NewJob
from shared.testing.bundles import default_files, manifest_bytes, new_manifest

PROMOTED = "pneumo_registry_last_promotion_timestamp_seconds"
CURRENT = "pneumo_registry_current_model"
FIGURE = "pneumo_registry_gate_figure"


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    upgrade(engine)
    return SqlStore(engine)


@asynccontextmanager
async def _counting(store: SqlStore, metrics: CollectorRegistry) -> AsyncIterator[None]:
    task = asyncio.create_task(Census(store, metrics=metrics).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def _promote(tx: Transaction) -> None:
    manifest = new_manifest(default_files("v1"), version="v1")
    record = ModelRecord(
        name=manifest.name,
        version="v1",
        state="candidate",
        bundle_sha256="a" * 64,
        manifest=manifest,
        created_at_ms=1,
    )
    tx.add_model(record, manifest_bytes(manifest))
    tx.record_promotion(
        Promote(version="v1", kind="promote", retire=None, rollback_to=None, promoted_at_ms=1500)
    )


def _judged(id_: str, auc: float, at_ms: int) -> KeptJob:
    gate = GateReport(
        accepted=False,
        checks=(),
        current_version="v1",
        current={"auc": 0.5, "recall_NORMAL": 0.1},
        candidate={"auc": auc},
        images=2,
    )
    job = new_job(NewJob(id=id_), 1).job
    changes = {"state": "rejected", "gate": gate, "updated_at_ms": at_ms}
    return KeptJob(job.model_copy(update=changes), None, None)


async def test_the_last_promotion_and_the_last_gate_become_metrics(store: SqlStore) -> None:
    metrics = CollectorRegistry()

    def auc(model: str) -> float | None:
        return metrics.get_sample_value(FIGURE, {"figure": "auc", "model": model})

    async with _counting(store, metrics):
        assert math.isnan(metrics.get_sample_value(PROMOTED) or 0.0)
        assert auc("candidate") is None
        assert metrics.get_sample_value(CURRENT, {"version": "v1"}) is None
        await store.write(_promote)
        await store.write(lambda tx: tx.add_job(_judged("b", 0.75, at_ms=2)))
        await _until(lambda: auc("candidate") == 0.75)
        assert metrics.get_sample_value(PROMOTED) == 1.5
        assert metrics.get_sample_value(CURRENT, {"version": "v1"}) == 1
        await store.write(lambda tx: tx.add_job(_judged("a", 0.25, at_ms=3)))
        await _until(lambda: auc("candidate") == 0.25)
        assert auc("current") == 0.5
    recall = {"figure": "recall_NORMAL", "model": "current"}
    assert metrics.get_sample_value(FIGURE, recall) is None
