"""GET /status: workers, current model, load, consumer lag and recent problems."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from fastapi import APIRouter, Response

from gateway.core.load_estimator import LoadReport
from gateway.core.recent_problems import ProblemKind
from gateway.http.formats.problems import success_responses
from gateway.http.formats.responses import json_response
from gateway.http.formats.status_answer import StatusAnswer
from shared.clock import Clock
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.train import TrainEvent


class ClusterState(Protocol):
    """The state of workers, models and training, from their topics."""

    def workers(self, now_ms: int) -> tuple[WorkerStatus, ...]:
        """Return the workers with a recent status report."""
        ...

    def predictions_per_second(self, worker_id: str) -> float | None:
        """Return a worker's rate; None if unknown."""
        ...

    def current_model(self, name: str) -> ModelPromoted | None:
        """Return the promoted version."""
        ...

    @property
    def last_retrain_ms(self) -> int | None:
        """When training last succeeded."""
        ...

    @property
    def last_ended_job(self) -> TrainEvent | None:
        """The newest job that has ended, in any terminal state."""
        ...


class ConsumedTopic(Protocol):
    """A topic and its consumer group."""

    @property
    def topic(self) -> str:
        """Its name."""
        ...

    @property
    def group(self) -> str:
        """Its name."""
        ...


@dataclass(frozen=True, slots=True)
class StatusSources:
    """The functions that return this gateway's own state."""

    count_predictions: Callable[[], int]
    broker_reachable: Callable[[], bool]
    readiness: Callable[[], Mapping[str, bool]]
    load: Callable[[], LoadReport]
    lags: Callable[[], Iterable[tuple[ConsumedTopic, int]]]
    problems: Callable[[], tuple[ProblemKind, ...]]


def new_status_router(
    cluster: ClusterState, clock: Clock, sources: StatusSources, *, model_name: str
) -> APIRouter:
    """Serve the state of the system, as seen by this gateway."""
    router = APIRouter(tags=["operations"])
    started_s = clock.monotonic_s()

    @router.get("/status", responses=success_responses(StatusAnswer))
    async def status() -> Response:
        """Return the state of the system, as seen by this gateway."""
        workers = [_worker(w, cluster) for w in cluster.workers(clock.now_ms())]
        readiness = dict(sources.readiness())
        return json_response(
            {
                "uptime_seconds": round(clock.monotonic_s() - started_s, 3),
                "ready": all(readiness.values()),
                "readiness": readiness,
                "num_predictions": sources.count_predictions(),
                "predictions_per_second": _total(workers),
                "last_retrain_time": _iso(cluster.last_retrain_ms),
                "last_retrain": _retrain(cluster.last_ended_job),
                "current_model": _model(cluster.current_model(model_name)),
                "workers": workers,
                "broker": {"reachable": sources.broker_reachable()},
                "lag": [
                    {"topic": one.topic, "group": one.group, "records": records}
                    for one, records in sources.lags()
                ],
                "load": _load(sources.load()),
                "errors": [_problem(kind) for kind in sources.problems()],
            }
        )

    return router


def _worker(status: WorkerStatus, cluster: ClusterState) -> dict[str, object]:
    reported = status.model_dump(exclude={"schema_", "at_ms"})
    rate = cluster.predictions_per_second(status.id)
    return reported | {"last_seen": _iso(status.at_ms), "predictions_per_second": rate}


def _total(workers: list[dict[str, object]]) -> float | None:
    rates = [one["predictions_per_second"] for one in workers]
    known = [rate for rate in rates if isinstance(rate, float)]
    return round(sum(known), 3) if known else None


def _model(current: ModelPromoted | None) -> dict[str, object] | None:
    if current is None:
        return None
    promoted_at = _iso(current.promoted_at_ms)
    return {"name": current.name, "version": current.version, "promoted_at": promoted_at}


def _retrain(job: TrainEvent | None) -> dict[str, object] | None:
    """Return how the job ended, without its error text: that may contain a file name."""
    if job is None:
        return None
    return {
        "id": job.id,
        "state": job.state,
        "at": _iso(job.at_ms),
        "model_version": job.model_version,
        "accepted": None if job.gate is None else job.gate.accepted,
    }


def _load(load: LoadReport) -> dict[str, object]:
    return {
        "in_flight": load.in_flight,
        "in_flight_bytes": load.in_flight_bytes,
        "backlog": load.backlog,
        "estimated_wait_seconds": round(load.wait_s, 3),
        "rejected": _counted(load.rejected),
        "late": _counted(load.late),
    }


def _counted(reasons: Mapping[str, int]) -> dict[str, int]:
    # Reasons are StrEnum members, which orjson rejects as keys.
    return {str(reason): count for reason, count in reasons.items()}


def _problem(kind: ProblemKind) -> dict[str, object]:
    return {
        "code": kind.code,
        "status": kind.status,
        "route": kind.route,
        "count": kind.count,
        "first_at": _iso(kind.first_at_ms),
        "last_at": _iso(kind.last_at_ms),
    }


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
