"""A registry copied whole: its rows of one moment, and every file that they name."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from registry.core.backup import Holdings, NamedFile, name_artifacts, tell_damage
from registry.core.refusals import Refuse, RegistryCode
from registry.ports import (
    AuditLine,
    BackupError,
    CopyRows,
    End,
    ImageFiles,
    Store,
    Transaction,
)

_AT_ONCE = 8
"""Files on their way together: each waits for disk or network most of its time."""
_PAGE = 500


async def back_up(source: End, target: End, copy_rows: CopyRows) -> Holdings:
    """Fill an empty target from a registry that may go on working.

    What it deletes meanwhile is deleted in the target, too; other changes are not in it.
    Raises BackupError, StoreUnavailableError, ArtifactsUnavailableError.
    """
    await copy_rows()
    damaged = await _find_bad(target.store, lambda file: _copy(file, source, target))
    deleted = await _repeat_deletions(source.store, target, damaged)
    _demand_whole([file for file in damaged if file.sha256 not in deleted])
    return await _count(target.store)


async def verify(source: End) -> None:
    """Raise BackupError unless every file is there that a row names, and is what its name says.

    Raises StoreUnavailableError, ArtifactsUnavailableError.
    """
    _demand_whole(await _find_bad(source.store, lambda file: _is_whole(file, source)))


async def restore(source: End, target: End, copy_rows: CopyRows) -> Holdings:
    """Fill an empty target from a backup; the rows last, so that it is empty until it is whole.

    Raises BackupError, StoreUnavailableError, ArtifactsUnavailableError.
    """
    _demand_whole(await _find_bad(source.store, lambda file: _copy(file, source, target)))
    await copy_rows()
    return await _count(source.store)


def _demand_whole(damaged: Sequence[NamedFile]) -> None:
    if damaged:
        raise BackupError(tell_damage(damaged))


async def _repeat_deletions(
    source: Store, target: End, damaged: Sequence[NamedFile]
) -> frozenset[str]:
    """Delete in the target what the source has deleted since; the audit says what that was."""
    candidates = {file.sha256 for file in damaged if file.kind == "image"}
    candidates |= set(await source.read(lambda tx: tx.deleted_images()))
    kept = await target.store.read(
        lambda tx: {sha256: len(tx.audit_of(sha256)) for sha256 in candidates if tx.image(sha256)}
    )
    deleted = set()
    for sha256, known in kept.items():
        if missed := _up_to_deletion((await _audit(source, sha256))[known:]):
            await _delete(target, sha256, missed)
            deleted.add(sha256)
    return frozenset(deleted)


async def _audit(store: Store, sha256: str) -> Sequence[AuditLine]:
    return await store.read(lambda tx: tx.audit_of(sha256))


def _up_to_deletion(lines: Sequence[AuditLine]) -> Sequence[AuditLine]:
    # What came behind it is of another upload of the image, which the target does not have.
    last = max((n for n, line in enumerate(lines) if line.action == "deleted"), default=-1)
    return lines[: last + 1]


async def _delete(target: End, sha256: str, lines: Sequence[AuditLine]) -> None:
    def work(tx: Transaction) -> None:
        tx.remove_image(sha256)
        for line in lines:
            tx.audit(line)

    await target.store.write(work)
    await target.images.remove(sha256)


async def _copy(file: NamedFile, source: End, target: End) -> bool:
    """Copy one file and hash it on the way; False: it is missing, or is not what its name says."""
    if file.kind == "image":
        content = await _load_image(file, source.images)
        if content is not None:
            await target.images.store(file.sha256, content)
        return content is not None
    if await source.artifacts.size_bytes(file.sha256) != file.size_bytes:
        return False
    stored = await target.artifacts.store(file.sha256, source.artifacts.read(file.sha256))
    if isinstance(stored, Refuse) and stored.code != RegistryCode.CHECKSUM_MISMATCH:
        raise BackupError(f"Artifact {file.sha256} cannot be stored: {stored.detail}")
    return not isinstance(stored, Refuse)


async def _is_whole(file: NamedFile, source: End) -> bool:
    if file.kind == "image":
        return await _load_image(file, source.images) is not None
    if await source.artifacts.size_bytes(file.sha256) != file.size_bytes:
        return False
    digest = hashlib.sha256()
    async for block in source.artifacts.read(file.sha256):
        digest.update(block)
    return digest.hexdigest() == file.sha256


async def _load_image(file: NamedFile, images: ImageFiles) -> bytes | None:
    content = await images.load(file.sha256)
    if content is None or hashlib.sha256(content).hexdigest() != file.sha256:
        return None
    return content


async def _find_bad(
    store: Store, is_good: Callable[[NamedFile], Awaitable[bool]]
) -> Sequence[NamedFile]:
    """Do something with every file that the rows name, and give those for which it was False."""
    bad = []
    async for page in _pages(store):
        for start in range(0, len(page), _AT_ONCE):
            few = page[start : start + _AT_ONCE]
            good = await asyncio.gather(*(is_good(file) for file in few))
            bad += [file for file, is_well in zip(few, good, strict=True) if not is_well]
    return bad


async def _pages(store: Store) -> AsyncIterator[Sequence[NamedFile]]:
    models = await store.read(lambda tx: tx.models())
    yield name_artifacts([model.manifest for model in models])
    last = ""
    while images := await _page(store, last):
        yield images
        last = images[-1].sha256


async def _page(store: Store, behind: str) -> Sequence[NamedFile]:
    return await store.read(lambda tx: tx.image_files(behind, _PAGE))


async def _count(store: Store) -> Holdings:
    sizes = [file.size_bytes async for page in _pages(store) for file in page]
    models, images, jobs = await store.read(
        lambda tx: (len(tx.models()), tx.dataset_summary().total, sum(tx.job_counts().values()))
    )
    return Holdings(models, images, jobs, sum(sizes))
