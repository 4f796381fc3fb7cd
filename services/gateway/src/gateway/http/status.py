"""GET /status: the seed's fields, and who serves what."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from fastapi import APIRouter, Response

from gateway.http.answers import json_response
from shared.clock import Clock
from shared.contracts.models import ModelPromoted, WorkerStatus


class Cluster(Protocol):
    """What the gateway knows of the others."""

    def workers(self, now_ms: int) -> tuple[WorkerStatus, ...]:
        """The workers heard of lately."""
        ...

    def current_model(self, name: str) -> ModelPromoted | None:
        """The promoted version."""
        ...

    @property
    def last_retrain_ms(self) -> int | None:
        """When training last succeeded."""
        ...


def new_status_router(
    cluster: Cluster,
    clock: Clock,
    *,
    model_name: str,
    count_predictions: Callable[[], int],
    broker_reachable: Callable[[], bool],
) -> APIRouter:
    """Serve the state of the system as this gateway sees it."""
    router = APIRouter(tags=["operations"])
    started_s = clock.monotonic_s()

    @router.get("/status")
    async def status() -> Response:
        current = cluster.current_model(model_name)
        return json_response(
            {
                "uptime_seconds": round(clock.monotonic_s() - started_s, 3),
                "num_predictions": count_predictions(),
                "last_retrain_time": _iso(cluster.last_retrain_ms),
                "current_model": None
                if current is None
                else {
                    "name": current.name,
                    "version": current.version,
                    "promoted_at": _iso(current.promoted_at_ms),
                },
                "workers": [_worker(w) for w in cluster.workers(clock.now_ms())],
                "broker": {"reachable": broker_reachable()},
            }
        )

    return router


def _worker(status: WorkerStatus) -> dict[str, object]:
    return status.model_dump(exclude={"schema_", "at_ms"}) | {"last_seen": _iso(status.at_ms)}


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
