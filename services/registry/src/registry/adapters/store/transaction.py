"""Statements over models, promotions and the outbox; with the others', one transaction."""

from collections.abc import Sequence

from sqlalchemy import (
    Connection,
    Row,
    Select,
    delete,
    func,
    insert,
    literal,
    not_,
    select,
    tuple_,
    update,
)

from registry.adapters.store.dataset import SqlDataset
from registry.adapters.store.jobs import SqlJobs
from registry.adapters.store.leases import SqlLeases
from registry.adapters.store.tables import MODELS, OUTBOX, PROMOTIONS
from registry.core.lifecycle import Promote, Promotion
from registry.ports import Event, UnsentEvent
from shared.contracts.bundle import Manifest
from shared.contracts.models import ModelRecord

_EXISTS = MODELS.c.deleted_at_ms.is_(None)


class SqlTransaction(SqlDataset, SqlJobs, SqlLeases):
    """A Transaction port over SQLAlchemy Core."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)

    def models(
        self, *, limit: int | None = None, before: str | None = None
    ) -> Sequence[ModelRecord]:
        """Every version that was not deleted, oldest first."""
        newest_first = (MODELS.c.created_at_ms.desc(), MODELS.c.version.desc())
        query = select(MODELS).where(_EXISTS).order_by(*newest_first).limit(limit)
        if before is not None:
            at_ms = select(MODELS.c.created_at_ms).where(MODELS.c.version == before)
            place = tuple_(at_ms.scalar_subquery(), literal(before))
            query = query.where(tuple_(MODELS.c.created_at_ms, MODELS.c.version) < place)
        return [_record(row) for row in self._connection.execute(query)][::-1]

    def model(self, version: str) -> ModelRecord | None:
        """Give one version."""
        return self._one_model(select(MODELS).where(MODELS.c.version == version, _EXISTS))

    def manifest_bytes(self, version: str) -> bytes | None:
        """Give the manifest exactly as it was registered."""
        query = select(MODELS.c.manifest).where(MODELS.c.version == version, _EXISTS)
        found: bytes | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def current(self) -> ModelRecord | None:
        """Give the promoted version."""
        return self._one_model(select(MODELS).where(MODELS.c.state == "current"))

    def latest_promotion(self) -> Promotion | None:
        """Give the promotion that made the current model."""
        return self._one_promotion(select(PROMOTIONS).order_by(PROMOTIONS.c.number.desc()).limit(1))

    def first_promotion(self) -> Promotion | None:
        """Give the first line of the history."""
        return self._one_promotion(select(PROMOTIONS).order_by(PROMOTIONS.c.number).limit(1))

    def promotion(self, number: int) -> Promotion | None:
        """Give one line of the history."""
        return self._one_promotion(select(PROMOTIONS).where(PROMOTIONS.c.number == number))

    def add_model(self, record: ModelRecord, manifest_bytes: bytes) -> None:
        """Insert a version."""
        self._connection.execute(
            insert(MODELS).values(
                version=record.version,
                name=record.name,
                state=record.state,
                bundle_sha256=record.bundle_sha256,
                manifest=manifest_bytes,
                created_at_ms=record.created_at_ms,
                promoted_at_ms=record.promoted_at_ms,
            )
        )

    def delete_model(self, version: str, now_ms: int) -> None:
        """Make a version invisible; its name stays taken."""
        # Rejected: a release that knows no deletions must not promote what has no files.
        change = update(MODELS).where(MODELS.c.version == version)
        self._connection.execute(change.values(state="rejected", deleted_at_ms=now_ms))

    def is_deleted_model(self, version: str) -> bool:
        """Tell whether there was a version of this name that was deleted."""
        query = select(MODELS.c.version).where(MODELS.c.version == version, not_(_EXISTS))
        return self._connection.execute(query).first() is not None

    def deleted_manifests(self, before_ms: int | None) -> Sequence[tuple[str, bytes]]:
        """Give versions whose files are not removed yet."""
        query = select(MODELS.c.version, MODELS.c.manifest).where(
            not_(_EXISTS), func.length(MODELS.c.manifest) > 0
        )
        if before_ms is not None:
            query = query.where(MODELS.c.deleted_at_ms <= before_ms)
        return [(row.version, row.manifest) for row in self._connection.execute(query)]

    def forget_manifest(self, version: str) -> None:
        """Note that the files of a deleted version are removed."""
        change = update(MODELS).where(MODELS.c.version == version, not_(_EXISTS))
        self._connection.execute(change.values(manifest=b""))

    def reject_model(self, version: str) -> None:
        """Make a version rejected."""
        change = update(MODELS).where(MODELS.c.version == version).values(state="rejected")
        self._connection.execute(change)

    def record_promotion(self, decision: Promote) -> None:
        """Change both models' states and write the line of the history."""
        change = update(MODELS)
        if decision.retire is not None:
            retired = change.where(MODELS.c.version == decision.retire).values(state="retired")
            self._connection.execute(retired)
        promoted = change.where(MODELS.c.version == decision.version).values(
            state="current", promoted_at_ms=decision.promoted_at_ms
        )
        self._connection.execute(promoted)
        line = insert(PROMOTIONS).values(
            version=decision.version,
            kind=decision.kind,
            rollback_to=decision.rollback_to,
            promoted_at_ms=decision.promoted_at_ms,
        )
        self._connection.execute(line)

    def enqueue(self, event: Event, now_ms: int) -> None:
        """Put an event behind all others."""
        row = insert(OUTBOX).values(
            topic=event.topic, key=event.key, value=event.value, created_at_ms=now_ms
        )
        self._connection.execute(row)

    def reopen_latest(self, topic: str) -> None:
        """Make the last event of a topic unsent again."""
        last = select(func.max(OUTBOX.c.number)).where(OUTBOX.c.topic == topic).scalar_subquery()
        self._connection.execute(
            update(OUTBOX).where(OUTBOX.c.number == last).values(sent_at_ms=None)
        )

    def unsent(self, limit: int) -> Sequence[UnsentEvent]:
        """Give the events that wait, in the order of their commits."""
        query = (
            select(OUTBOX)
            .where(OUTBOX.c.sent_at_ms.is_(None))
            .order_by(OUTBOX.c.number)
            .limit(limit)
        )
        return [
            UnsentEvent(row.number, Event(row.topic, row.key, row.value))
            for row in self._connection.execute(query)
        ]

    def count_unsent(self) -> int:
        """Count the events that wait."""
        query = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.sent_at_ms.is_(None))
        count: int = self._connection.execute(query).scalar_one()
        return count

    def mark_sent(self, number: int, now_ms: int) -> None:
        """Note that the broker confirmed an event; the first note stands."""
        self._connection.execute(
            update(OUTBOX)
            .where(OUTBOX.c.number == number, OUTBOX.c.sent_at_ms.is_(None))
            .values(sent_at_ms=now_ms)
        )

    def forget_sent(self, before_ms: int, limit: int) -> int:
        """Delete the oldest events sent before then, and give how many; each topic's last stays."""
        # reopen_latest sends that one again, however old it is.
        last = select(func.max(OUTBOX.c.number)).group_by(OUTBOX.c.topic)
        old = (
            select(OUTBOX.c.number)
            .where(OUTBOX.c.sent_at_ms < before_ms, OUTBOX.c.number.not_in(last))
            .order_by(OUTBOX.c.number)
            .limit(limit)
        )
        return self._connection.execute(delete(OUTBOX).where(OUTBOX.c.number.in_(old))).rowcount

    def _one_model(self, query: Select[*tuple[object, ...]]) -> ModelRecord | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _record(row)

    def _one_promotion(self, query: Select[*tuple[object, ...]]) -> Promotion | None:
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return Promotion(row.number, row.version, row.rollback_to, row.promoted_at_ms)


def _record(row: Row[*tuple[object, ...]]) -> ModelRecord:
    return ModelRecord(
        name=row.name,
        version=row.version,
        state=row.state,
        bundle_sha256=row.bundle_sha256,
        manifest=Manifest.model_validate_json(row.manifest),
        created_at_ms=row.created_at_ms,
        promoted_at_ms=row.promoted_at_ms,
    )
