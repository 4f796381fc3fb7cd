"""The dataset: uploads taken in, looked at, relabelled, deleted; each change is in the audit."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from registry.core.dataset import (
    Deletion,
    Upload,
    UploadEffect,
    count_new_bytes,
    decide_relabelling,
    decide_upload,
    new_image,
    take_snapshot,
)
from registry.core.dataset_pages import DatasetFilter, format_cursor, parse_cursor
from registry.core.refusals import Refuse, RegistryCode
from registry.ports import (
    ArtifactsUnavailableError,
    AuditLine,
    ImageFiles,
    Store,
    Transaction,
    UploadEnds,
)
from shared.clock import Clock
from shared.contracts.dataset import (
    DatasetImage,
    DatasetPage,
    DatasetSnapshot,
    DatasetSummary,
    DeletedImages,
)
from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class ImageContent:
    """An image as it was uploaded."""

    image: DatasetImage
    content: bytes


class DatasetService:
    """Labelled images: a file and a row each; the file is there before the row, and goes after it.

    max_bytes: of all images together; beyond it what holds the files counts as full.
    upload_ends: tells which uploads were written before a deletion.
    Methods raise StoreUnavailableError and ArtifactsUnavailableError; all are safe to repeat.
    """

    def __init__(
        self,
        store: Store,
        files: ImageFiles,
        clock: Clock,
        *,
        max_bytes: int,
        upload_ends: UploadEnds,
    ) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._max_bytes = max_bytes
        self._upload_ends = upload_ends

    async def take_in(self, uploads: Sequence[Upload]) -> Sequence[UploadEffect]:
        """Keep uploads, durably when this returns; give what each did, in order."""
        async with self._changing():
            expected = await self._store.read(lambda tx: self._expect(tx, uploads))
            for upload, effect in zip(uploads, expected, strict=True):
                if effect != "deleted":  # also for a duplicate: a file that was lost is whole again
                    await self._files.store(upload.sha256, upload.content)
            now_ms = self._clock.now_ms()
            return await self._store.write(
                lambda tx: [_take_in(tx, each, now_ms) for each in uploads]
            )

    async def summary(self) -> DatasetSummary:
        """Count the images."""
        return await self._store.read(lambda tx: tx.dataset_summary())

    async def snapshot(self) -> DatasetSnapshot:
        """Give what a training sees."""
        return await self._store.read(lambda tx: take_snapshot(tx.usable_images()))

    async def list_images(
        self, wanted: DatasetFilter, *, limit: int, cursor: str | None = None
    ) -> DatasetPage:
        """Return a page of the newest images that match, newest first."""
        behind = None if cursor is None else parse_cursor(cursor)
        found = await self._store.read(lambda tx: tx.images(wanted, limit=limit + 1, behind=behind))
        page = tuple(found[:limit])
        return DatasetPage(
            images=page, next=format_cursor(page[-1]) if len(found) > limit else None
        )

    async def image(self, sha256: str) -> DatasetImage | Refuse:
        """Give what is known of one image."""
        found = await self._store.read(lambda tx: tx.image(sha256))
        return found or _no_image(sha256)

    async def content(self, sha256: str) -> ImageContent | Refuse:
        """Give one image as it was uploaded."""
        image = await self.image(sha256)
        if isinstance(image, Refuse):
            return image
        content = await self._files.load(sha256)
        if content is None or len(content) != image.size_bytes:
            detail = f"Image {sha256} is not whole in the registry's storage."
            return Refuse(RegistryCode.STORAGE_UNAVAILABLE, detail)
        return ImageContent(image, content)

    async def audit(self, sha256: str) -> Sequence[AuditLine] | Refuse:
        """Give what was done to an image, oldest first; also to one that is gone."""
        known, lines = await self._store.read(
            lambda tx: (tx.image(sha256) is not None, tx.audit_of(sha256))
        )
        return lines if known or lines else _no_image(sha256)

    async def relabel(self, sha256: str, label: str) -> DatasetImage | Refuse:
        """Decide on an image's label; the same again changes nothing."""
        now_ms = self._clock.now_ms()
        return await self._store.write(lambda tx: _relabel(tx, sha256, label, now_ms))

    async def delete(self, sha256: str) -> Refuse | None:
        """Forget an image, row and file; again, it makes sure that the file is gone."""
        async with self._changing():
            is_known = await self._store.read(lambda tx: tx.image(sha256) is not None)
            ends = await self._upload_ends() if is_known else None
            deletion = Deletion(self._clock.now_ms(), ends)
            refusal = await self._store.write(lambda tx: _delete(tx, sha256, deletion))
            if refusal is None:
                await self._files.remove(sha256)
        return refusal

    async def delete_matching(self, wanted: DatasetFilter, *, limit: int) -> DeletedImages:
        """Delete at most `limit` of the images that match; report how many are left."""
        async with self._changing():
            found = await self._store.read(lambda tx: tx.images(wanted, limit=limit))
            names = [image.sha256 for image in found]
            ends = await self._upload_ends() if names else None
            deletion = Deletion(self._clock.now_ms(), ends)
            left = await self._store.write(lambda tx: _delete_all(tx, names, deletion, wanted))
            for sha256 in names:
                await self._files.remove(sha256)
        return DeletedImages(deleted=len(names), left=left)

    async def finish_deletions(self) -> None:
        """Remove the files that a killed process left behind when it had deleted the rows."""
        for sha256 in await self._store.read(lambda tx: tx.deleted_images()):
            await self._remove_if_deleted(sha256)

    async def _remove_if_deleted(self, sha256: str) -> None:
        async with self._changing():
            if await self._store.read(lambda tx: tx.image(sha256)) is None:
                await self._files.remove(sha256)

    def _changing(self) -> AbstractAsyncContextManager[None]:
        # File and row change together: a deletion must not take the file of a new upload.
        return self._store.alone("dataset")

    def _expect(self, tx: Transaction, uploads: Sequence[Upload]) -> Sequence[UploadEffect]:
        effects = [_effect(tx, each) for each in uploads]
        new_bytes = count_new_bytes(uploads, effects)
        if new_bytes and tx.dataset_bytes() + new_bytes > self._max_bytes:
            raise ArtifactsUnavailableError(f"the dataset has its {self._max_bytes} bytes")
        return effects


def _no_image(sha256: str) -> Refuse:
    return Refuse(ErrorCode.NOT_FOUND, f"There is no image {sha256}.")


def _effect(tx: Transaction, upload: Upload) -> UploadEffect:
    sha256 = upload.sha256
    return decide_upload(upload, tx.image(sha256), tx.overruled_labels(sha256), tx.deletion(sha256))


def _take_in(tx: Transaction, upload: Upload, now_ms: int) -> UploadEffect:
    effect = _effect(tx, upload)
    sha256, label = upload.sha256, upload.headers.label
    if effect == "stored":
        tx.add_image(new_image(upload, now_ms))
    elif effect == "conflict":
        tx.add_conflict(sha256, label)
        tx.audit(AuditLine(sha256, "conflict", f"also uploaded as {label}", now_ms))
    return effect


def _relabel(tx: Transaction, sha256: str, label: str, now_ms: int) -> DatasetImage | Refuse:
    image = tx.image(sha256)
    if image is None:
        return _no_image(sha256)
    change = decide_relabelling(image, label, tx.overruled_labels(sha256))
    if change is None:
        return image
    tx.decide_label(sha256, label, change.overruled)
    against = ", ".join(sorted(change.overruled))
    tx.audit(AuditLine(sha256, "relabelled", f"{label}, not {against}", now_ms))
    return image.model_copy(update={"label": label, "conflict": ()})


def _delete(tx: Transaction, sha256: str, deletion: Deletion) -> Refuse | None:
    image = tx.image(sha256)
    if image is None:
        return None if tx.deletion(sha256) is not None else _no_image(sha256)
    tx.remove_image(sha256)
    tx.audit(AuditLine(sha256, "deleted", f"was {image.label}", deletion.at_ms, deletion.ends))
    return None


def _delete_all(
    tx: Transaction, names: Sequence[str], deletion: Deletion, wanted: DatasetFilter
) -> int:
    for sha256 in names:
        _delete(tx, sha256, deletion)
    return tx.count_images(wanted)
