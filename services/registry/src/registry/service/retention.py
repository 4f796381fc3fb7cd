"""Model versions that are deleted: by request, or because newer ones have taken their place."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from registry.core.refusals import Refuse
from registry.core.registration import parse_manifest
from registry.core.retention import GRACE_MS, find_expired, refuse_deletion
from registry.ports import Artifacts, AuditLine, Store, Transaction
from registry.service.models import ARTIFACTS_LOCK
from shared.clock import Clock
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord


class RetentionService:
    """Deletes versions and, an hour later, the files that no other version names.

    keep: newest versions kept of each state but current; 0: all. deleted: called with the number
    of versions after each deletion.
    """

    def __init__(
        self,
        store: Store,
        artifacts: Artifacts,
        clock: Clock,
        *,
        keep: int,
        deleted: Callable[[int], None],
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._clock = clock
        self._keep = keep
        self._deleted = deleted

    async def delete(self, version: str) -> Refuse | None:
        """Delete a version; the same again changes nothing."""
        now_ms = self._clock.now_ms()
        outcome = await self._store.write(lambda tx: _delete(tx, version, now_ms))
        if isinstance(outcome, Refuse):
            return outcome
        self._deleted(outcome)
        return None

    async def sweep(self) -> Sequence[str]:
        """Delete what newer versions have replaced, then files that are due; gives the versions."""
        now_ms = self._clock.now_ms()
        expired = await self._store.write(lambda tx: _expire(tx, self._keep, now_ms))
        self._deleted(len(expired))
        await self._remove_files(now_ms - GRACE_MS)
        return expired

    async def _remove_files(self, before_ms: int) -> None:
        # Whoever registers a version looks for its files and then names them: never in between.
        async with self._store.alone(ARTIFACTS_LOCK):
            deleted, used = await self._store.read(lambda tx: _files(tx, before_ms))
            for version, digests in deleted.items():
                unused = digests - used
                gone = [await self._artifacts.remove(one, before_ms) for one in sorted(unused)]
                if all(gone):
                    await self._store.write(partial(_forget, version=version))


def _forget(tx: Transaction, version: str) -> None:
    tx.forget_manifest(version)


def _delete(tx: Transaction, version: str, now_ms: int) -> int | Refuse:
    record = tx.model(version)
    if record is None and tx.is_deleted_model(version):
        return 0
    if record is None:
        return Refuse(ErrorCode.NOT_FOUND, f"There is no model version {version!r}.")
    is_training = tx.has_open_jobs(running=True)
    refusal = refuse_deletion(record, _protected(tx), is_training=is_training)
    if refusal is not None:
        return refusal
    _mark(tx, record, "by request", now_ms)
    return 1


def _expire(tx: Transaction, keep: int, now_ms: int) -> Sequence[str]:
    if not keep:
        return []
    is_training = tx.has_open_jobs(running=True)
    expired = list(find_expired(tx.models(), _protected(tx), keep, is_training=is_training))
    for record in expired:
        _mark(tx, record, f"beyond the newest {keep}", now_ms)
    return [record.version for record in expired]


def _mark(tx: Transaction, record: ModelRecord, why: str, now_ms: int) -> None:
    tx.delete_model(record.version, now_ms)
    detail = f"{record.version} ({record.state}) {why}"
    tx.audit(AuditLine(record.bundle_sha256, "model_deleted", detail, now_ms))


def _protected(tx: Transaction) -> Mapping[str, str]:
    latest, first = tx.latest_promotion(), tx.first_promotion()
    if latest is None or first is None:
        return {}
    named = {first.version: "it is the first that was promoted"}
    before = None if latest.rollback_to is None else tx.promotion(latest.rollback_to)
    if before is not None:
        named[before.version] = "a rollback brings it back"
    return named | {latest.version: "it is current"}


def _files(tx: Transaction, before_ms: int) -> tuple[dict[str, set[str]], set[str]]:
    """Give the files of deleted versions, by version, and those that others name."""
    deleted: dict[str, set[str]] = {}
    for version, manifest_bytes in tx.deleted_manifests(before_ms):
        manifest = parse_manifest(manifest_bytes)
        entries = () if isinstance(manifest, Refuse) else manifest.files.values()
        deleted[version] = {entry.sha256 for entry in entries}
    if not deleted:
        return {}, set()
    # Also those of versions that were deleted a moment ago: a backup may still copy them.
    manifests = [record.manifest for record in tx.models()]
    recent = (parse_manifest(body) for version, body in tx.deleted_manifests(None)
              if version not in deleted)  # fmt: skip
    manifests += [one for one in recent if not isinstance(one, Refuse)]
    return deleted, {entry.sha256 for one in manifests for entry in one.files.values()}
