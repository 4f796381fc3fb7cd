"""Statements over jobs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, true, update

from registry.adapters.store.tables import DATASET_IMAGES, JOBS, OPEN_STATES
from registry.core.dataset import JobMark
from registry.core.jobs import KeptJob
from registry.core.lease import Lease
from shared.contracts.train import (
    Curves,
    GateReport,
    Job,
    JobOutcome,
    JobState,
    Mode,
)

_PLAIN = tuple(name for name in Job.model_fields if name not in ("metrics", "curves", "gate"))
_CURVES: TypeAdapter[Curves] = TypeAdapter(Curves)
_IS_OPEN = JOBS.c.state.in_(OPEN_STATES)
_NEWEST_FIRST = (JOBS.c.requested_at_ms.desc(), JOBS.c.id.desc())


class SqlJobs:
    """The jobs' part of a transaction. connection: inside a transaction, SQLAlchemy Core."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def job(self, id_: str) -> KeptJob | None:
        """Give one job."""
        row = self._connection.execute(select(JOBS).where(JOBS.c.id == id_)).one_or_none()
        return None if row is None else _job(row)

    def jobs(self, limit: int) -> Sequence[KeptJob]:
        """Give the newest jobs, newest first."""
        query = select(JOBS).order_by(*_NEWEST_FIRST).limit(limit)
        return [_job(row) for row in self._connection.execute(query)]

    def claimable_jobs(self, now_ms: int, limit: int) -> Sequence[KeptJob]:
        """Give the oldest jobs that have not ended and that nobody holds, oldest first."""
        is_free = or_(JOBS.c.lease_until_ms.is_(None), JOBS.c.lease_until_ms <= now_ms)
        oldest_first = (JOBS.c.requested_at_ms, JOBS.c.id)
        query = select(JOBS).where(_IS_OPEN, is_free).order_by(*oldest_first).limit(limit)
        return [_job(row) for row in self._connection.execute(query)]

    def has_open_jobs(self, *, running: bool = False) -> bool:
        """Tell whether any job has not ended. running: only those that a trainer has begun."""
        begun = JOBS.c.attempt > 0 if running else true()
        query = select(JOBS.c.id).where(_IS_OPEN, begun).limit(1)
        return self._connection.execute(query).first() is not None

    def count_open_jobs(self, mode: Mode) -> int:
        """Count the jobs of a mode that have not ended."""
        query = select(func.count()).select_from(JOBS).where(_IS_OPEN, JOBS.c.mode == mode)
        count: int = self._connection.execute(query).scalar_one()
        return count

    def add_job(self, kept: KeptJob) -> None:
        """Insert a job, with the number of the newest image that there is."""
        newest = select(func.coalesce(func.max(DATASET_IMAGES.c.number), 0)).scalar_subquery()
        self._connection.execute(insert(JOBS).values(**_values(kept), newest_image=newest))

    def save_job(self, kept: KeptJob) -> None:
        """Write a job as it is now."""
        change = update(JOBS).where(JOBS.c.id == kept.job.id).values(**_values(kept))
        self._connection.execute(change)

    def job_counts(self) -> Mapping[JobState, int]:
        """Count the jobs in each state that has any."""
        query = select(JOBS.c.state, func.count().label("number")).group_by(JOBS.c.state)
        return {row.state: row.number for row in self._connection.execute(query)}

    def last_gate(self) -> GateReport | None:
        """Give what the gate said of the last job that came to it and ended."""
        newest = (JOBS.c.updated_at_ms.desc(), JOBS.c.id.desc())
        query = select(JOBS.c.gate).where(JOBS.c.gate.is_not(None)).order_by(*newest).limit(1)
        found: str | None = self._connection.execute(query).scalar_one_or_none()
        return None if found is None else GateReport.model_validate_json(found)

    def last_request(self, mode: Mode) -> JobMark | None:
        """Give the mark of the last job of a mode, however it ended."""
        return self._last_mark(JOBS.c.mode == mode)

    def last_success(self, mode: Mode) -> JobMark | None:
        """Give the mark of the last job of a mode that succeeded."""
        return self._last_mark(JOBS.c.mode == mode, JOBS.c.state == "succeeded")

    def _last_mark(self, *conditions: ColumnElement[bool]) -> JobMark | None:
        # Both rise apart: after a deletion a later job may have the lower mark, but then no image
        # lies between the two; and a clock that was set back makes later times lower.
        highest = func.max(JOBS.c.newest_image), func.max(JOBS.c.requested_at_ms)
        newest_image, at_ms = self._connection.execute(select(*highest).where(*conditions)).one()
        return None if at_ms is None else JobMark(newest_image, at_ms)


def _values(kept: KeptJob) -> dict[str, Any]:
    job, lease, outcome = kept.job, kept.lease, kept.outcome
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "metrics": json.dumps(job.metrics),
        "curves": _CURVES.dump_json(job.curves).decode(),
        "gate": None if job.gate is None else job.gate.model_dump_json(),
        "lease_holder": None if lease is None else lease.holder,
        "lease_until_ms": None if lease is None else lease.until_ms,
        "outcome": None if outcome is None else outcome.model_dump_json(),
        "releases": kept.releases,
    }


def _job(row: Row[*tuple[object, ...]]) -> KeptJob:
    plain = {name: getattr(row, name) for name in _PLAIN}
    job = Job(
        **plain,
        metrics=json.loads(row.metrics),
        curves=_CURVES.validate_json(row.curves),
        gate=None if row.gate is None else GateReport.model_validate_json(row.gate),
    )
    return KeptJob(
        job,
        None if row.lease_holder is None else Lease(row.lease_holder, row.lease_until_ms),
        None if row.outcome is None else JobOutcome.model_validate_json(row.outcome),
        row.releases,
    )
