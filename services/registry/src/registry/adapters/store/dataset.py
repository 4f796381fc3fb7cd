"""Statements over the dataset."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from registry.adapters.store.tables import DATASET_AUDIT, DATASET_CONFLICTS, DATASET_IMAGES, JOBS
from registry.core.backup import NamedFile
from registry.core.dataset import Deletion, JobMark, UploadCounts
from registry.core.dataset_pages import DatasetFilter, PagePlace
from registry.ports import AuditLine
from shared.contracts.dataset import DatasetImage, DatasetSummary

_OPEN = DATASET_CONFLICTS.c.is_open
_ENDS = TypeAdapter(dict[int, int])
_DISPUTED = select(DATASET_CONFLICTS.c.sha256).where(_OPEN)


class SqlDataset:
    """The dataset's part of a transaction. connection: inside a transaction, SQLAlchemy Core."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def image(self, sha256: str) -> DatasetImage | None:
        """Give one image with its open conflicts."""
        query = select(DATASET_IMAGES).where(DATASET_IMAGES.c.sha256 == sha256)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _image(row, self._labels(sha256, is_open=True))

    def images(
        self, wanted: DatasetFilter, *, limit: int, behind: PagePlace | None = None
    ) -> Sequence[DatasetImage]:
        """Return the newest images with their open conflicts, newest first, behind that one."""
        at_ms, sha256 = DATASET_IMAGES.c.created_at_ms, DATASET_IMAGES.c.sha256
        query = select(DATASET_IMAGES).where(*_conditions(wanted))
        if behind is not None:
            same_time = and_(at_ms == behind.created_at_ms, sha256 > behind.sha256)
            query = query.where(or_(at_ms < behind.created_at_ms, same_time))
        query = query.order_by(at_ms.desc(), sha256).limit(limit)
        rows = self._connection.execute(query).all()
        return [_image(row, self._labels(row.sha256, is_open=True)) for row in rows]

    def count_images(self, wanted: DatasetFilter) -> int:
        """Count the images that match."""
        query = select(func.count()).select_from(DATASET_IMAGES).where(*_conditions(wanted))
        return int(self._connection.execute(query).scalar_one())

    def usable_images(self) -> Sequence[DatasetImage]:
        """Give every image without an open conflict."""
        query = select(DATASET_IMAGES).where(DATASET_IMAGES.c.sha256.not_in(_DISPUTED))
        return [_image(row, ()) for row in self._connection.execute(query)]

    def image_files(self, behind: str, limit: int) -> Sequence[NamedFile]:
        """Give the files of images in the order of their sha256, from behind this one on."""
        key = DATASET_IMAGES.c.sha256
        query = select(key, DATASET_IMAGES.c.size_bytes).where(key > behind)
        rows = self._connection.execute(query.order_by(key).limit(limit))
        return [NamedFile("image", row.sha256, row.size_bytes) for row in rows]

    def dataset_summary(self) -> DatasetSummary:
        """Count all images."""
        by_class = self._count_by(select(DATASET_IMAGES.c.label, func.count()))
        disputed = select(func.count(DATASET_CONFLICTS.c.sha256.distinct())).where(_OPEN)
        return DatasetSummary(
            total=sum(by_class.values()),
            by_class=by_class,
            by_source=self._count_by(select(DATASET_IMAGES.c.source, func.count())),
            conflicts=self._connection.execute(disputed).scalar_one(),
        )

    def dataset_bytes(self) -> int:
        """Give what the files of all images take together."""
        total = select(func.coalesce(func.sum(DATASET_IMAGES.c.size_bytes), 0))
        return int(self._connection.execute(total).scalar_one())  # Postgres: a Decimal

    def upload_counts(self, since: JobMark | None) -> UploadCounts:
        """Count the images without an open conflict. since: new is what was stored after it."""
        usable = DATASET_IMAGES.c.sha256.not_in(_DISPUTED)
        new = select(func.count()).select_from(DATASET_IMAGES).where(usable)
        if since is not None:
            new = new.where(_stored_after(since))
        by_class = self._count_by(select(DATASET_IMAGES.c.label, func.count()).where(usable))
        return UploadCounts(self._connection.execute(new).scalar_one(), by_class)

    def overruled_labels(self, sha256: str) -> frozenset[str]:
        """Give the labels of an image that somebody decided against."""
        return frozenset(self._labels(sha256, is_open=False))

    def deletion(self, sha256: str) -> Deletion | None:
        """Give the last deletion of an image of these bytes."""
        query = (
            select(DATASET_AUDIT.c.at_ms, DATASET_AUDIT.c.upload_ends)
            .where(DATASET_AUDIT.c.sha256 == sha256, DATASET_AUDIT.c.action == "deleted")
            .order_by(DATASET_AUDIT.c.number.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Deletion(row.at_ms, _ends(row.upload_ends))

    def deleted_images(self) -> Sequence[str]:
        """Give the sha256 of what was deleted and did not come back."""
        kept = select(DATASET_IMAGES.c.sha256)
        query = (
            select(DATASET_AUDIT.c.sha256)
            .where(DATASET_AUDIT.c.action == "deleted", DATASET_AUDIT.c.sha256.not_in(kept))
            .distinct()
        )
        return list(self._connection.execute(query).scalars())

    def add_image(self, image: DatasetImage) -> None:
        """Insert an image; its number is higher than that of any image before it."""
        values = image.model_dump(exclude={"conflict"}) | {"number": _next_number()}
        self._connection.execute(insert(DATASET_IMAGES).values(**values))

    def add_conflict(self, sha256: str, label: str) -> None:
        """Note another label that somebody claimed for an image."""
        row = insert(DATASET_CONFLICTS).values(sha256=sha256, label=label, is_open=True)
        self._connection.execute(row)

    def decide_label(self, sha256: str, label: str, overruled: Iterable[str]) -> None:
        """Give an image its label, close its conflicts, and remember what was decided against."""
        of_image = DATASET_CONFLICTS.c.sha256 == sha256
        self._connection.execute(delete(DATASET_CONFLICTS).where(of_image))
        for other in sorted(overruled):
            row = insert(DATASET_CONFLICTS).values(sha256=sha256, label=other, is_open=False)
            self._connection.execute(row)
        change = update(DATASET_IMAGES).where(DATASET_IMAGES.c.sha256 == sha256)
        self._connection.execute(change.values(label=label))

    def remove_image(self, sha256: str) -> None:
        """Delete an image's rows, but not its audit."""
        self._connection.execute(
            delete(DATASET_CONFLICTS).where(DATASET_CONFLICTS.c.sha256 == sha256)
        )
        self._connection.execute(delete(DATASET_IMAGES).where(DATASET_IMAGES.c.sha256 == sha256))

    def audit(self, line: AuditLine) -> None:
        """Append a line to the audit."""
        ends = line.upload_ends
        row = insert(DATASET_AUDIT).values(
            sha256=line.sha256,
            action=line.action,
            detail=line.detail,
            at_ms=line.at_ms,
            upload_ends=None if ends is None else _ENDS.dump_json(dict(ends)).decode(),
        )
        self._connection.execute(row)

    def audit_of(self, sha256: str) -> Sequence[AuditLine]:
        """Give what was done to an image, oldest first."""
        query = (
            select(DATASET_AUDIT)
            .where(DATASET_AUDIT.c.sha256 == sha256)
            .order_by(DATASET_AUDIT.c.number)
        )
        return [
            AuditLine(row.sha256, row.action, row.detail, row.at_ms, _ends(row.upload_ends))
            for row in self._connection.execute(query)
        ]

    def _labels(self, sha256: str, *, is_open: bool) -> tuple[str, ...]:
        query = (
            select(DATASET_CONFLICTS.c.label)
            .where(DATASET_CONFLICTS.c.sha256 == sha256, _OPEN.is_(is_open))
            .order_by(DATASET_CONFLICTS.c.label)
        )
        return tuple(self._connection.execute(query).scalars())

    def _count_by(self, query: Select[Any]) -> dict[str, int]:
        column = query.selected_columns[0]
        rows = self._connection.execute(query.group_by(column).order_by(column))
        return {str(label): int(count) for label, count in rows.all()}


def _conditions(wanted: DatasetFilter) -> Sequence[ColumnElement[bool]]:
    columns = {
        DATASET_IMAGES.c.label: wanted.label,
        DATASET_IMAGES.c.source: wanted.source,
        DATASET_IMAGES.c.upload_id: wanted.upload_id,
    }
    found = [column == value for column, value in columns.items() if value is not None]
    return [*found, DATASET_IMAGES.c.sha256.in_(_DISPUTED)] if wanted.only_conflicts else found


def _ends(text: str | None) -> dict[int, int] | None:
    return None if text is None else _ENDS.validate_json(text)


def _stored_after(mark: JobMark) -> ColumnElement[bool]:
    number, at_ms = DATASET_IMAGES.c.number, DATASET_IMAGES.c.created_at_ms
    # An earlier release, perhaps still at work beside this one, numbers neither images nor jobs.
    return or_(
        number > (mark.newest_image or 0),
        and_(number.is_(None), at_ms > mark.requested_at_ms),
    )


def _next_number() -> ColumnElement[int]:
    # There is one writer at a time. Above the jobs' marks, too: the newest image may be deleted.
    highest_image = select(func.coalesce(func.max(DATASET_IMAGES.c.number), 0)).scalar_subquery()
    highest_mark = select(func.coalesce(func.max(JOBS.c.newest_image), 0)).scalar_subquery()
    return case((highest_image > highest_mark, highest_image), else_=highest_mark) + 1


def _image(row: Row[*tuple[object, ...]], conflict: tuple[str, ...]) -> DatasetImage:
    return DatasetImage(
        sha256=row.sha256,
        label=row.label,
        patient=row.patient,
        source=row.source,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        created_at_ms=row.created_at_ms,
        conflict=conflict,
        upload_id=row.upload_id,
    )
