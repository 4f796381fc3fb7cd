"""Models: register, promote, roll back, hand out."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from registry.core.refusals import Refuse
from registry.core.registration import (
    AlreadyRegistered,
    decide_registration,
    find_missing,
    parse_manifest,
)
from registry.ports import Artifacts, SeedSource, Store, Stored, Transaction
from registry.service.promotion import promote, roll_back
from shared.clock import Clock
from shared.contracts.bundle import MANIFEST_FILE, Manifest
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord
from shared.contracts.topics import MODELS_EVENTS

ARTIFACTS_LOCK = "artifacts"
"""For whoever removes files, and whoever looks for files in order to name them."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A model version exists. created: this request made it."""

    record: ModelRecord
    created: bool


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle. content: its bytes; None where they are an artifact's."""

    sha256: str
    size_bytes: int
    content: bytes | None


class ModelService:
    """Model versions, their bundles, and which one is current.

    announce: told after every commit that may have put an event into the outbox.
    """

    def __init__(
        self, store: Store, artifacts: Artifacts, clock: Clock, announce: Callable[[], None]
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._clock = clock
        self._announce = announce

    async def models(self, limit: int, before: str | None = None) -> Sequence[ModelRecord]:
        """Give the newest versions, oldest first. before: of those registered before this one."""
        return await self._store.read(lambda tx: tx.models(limit=limit, before=before))

    async def current(self) -> ModelRecord | Refuse:
        """Give the promoted model."""
        record = await self._store.read(lambda tx: tx.current())
        return record or Refuse(ErrorCode.NOT_FOUND, "No model has been promoted yet.")

    async def model(self, version: str) -> ModelRecord | Refuse:
        """Give one version."""
        record = await self._store.read(lambda tx: tx.model(version))
        return record or _no_version(version)

    async def bundle_file(self, version: str, name: str) -> BundleFile | Refuse:
        """Find a file by the name it has in its manifest; no other name leads anywhere."""
        record, manifest_bytes = await self._store.read(
            lambda tx: (tx.model(version), tx.manifest_bytes(version))
        )
        if record is None or manifest_bytes is None:
            return _no_version(version)
        if name == MANIFEST_FILE:
            return BundleFile(record.bundle_sha256, len(manifest_bytes), manifest_bytes)
        entry = record.manifest.files.get(name)
        if entry is None:
            return Refuse(ErrorCode.NOT_FOUND, f"Version {version!r} has no file {name!r}.")
        return BundleFile(entry.sha256, entry.size_bytes, content=None)

    async def is_whole(self, file: BundleFile) -> bool:
        """Tell whether the artifact of a file is there and has its size."""
        return await self._artifacts.size_bytes(file.sha256) == file.size_bytes

    def read(self, file: BundleFile, first: int) -> AsyncIterator[bytes]:
        """Stream the artifact of a file from byte `first` on."""
        return self._artifacts.read(file.sha256, first)

    async def store_artifact(self, sha256: str, chunks: AsyncIterator[bytes]) -> Stored | Refuse:
        """Take in one file; the same bytes again change nothing."""
        return await self._artifacts.store(sha256, chunks)

    async def register(self, manifest_bytes: bytes) -> Registered | Refuse:
        """Make a candidate of a manifest whose files are all stored."""
        manifest = parse_manifest(manifest_bytes)
        if isinstance(manifest, Refuse):
            return manifest
        async with self._store.alone(ARTIFACTS_LOCK):
            refusal = await self._find_missing(manifest)
            if refusal is not None:
                return refusal
            now_ms = self._clock.now_ms()
            return await self._store.write(
                lambda tx: _register(tx, manifest, manifest_bytes, now_ms)
            )

    async def promote(self, version: str, *, again: bool = False) -> ModelRecord | Refuse:
        """Make a version current; the current one changes nothing, or with `again` is announced."""
        now_ms = self._clock.now_ms()
        return await self._change(lambda tx: promote(tx, version, now_ms, again=again))

    async def roll_back(self, expected_version: str | None) -> ModelRecord | Refuse:
        """Make the model before the present one current again."""
        now_ms = self._clock.now_ms()
        return await self._change(lambda tx: roll_back(tx, expected_version, now_ms))

    async def seed(self, source: SeedSource) -> ModelRecord | Refuse:
        """Import a bundle and promote it, unless a model is current already.

        Killed at any point and called again, it ends with one version, one promotion, one event.
        """
        manifest = parse_manifest(source.manifest_bytes)
        if isinstance(manifest, Refuse):
            return manifest
        for name, entry in manifest.files.items():
            stored = await self._artifacts.store(entry.sha256, source.read(name))
            if isinstance(stored, Refuse):
                return stored
        now_ms = self._clock.now_ms()
        return await self._change(lambda tx: _seed(tx, manifest, source.manifest_bytes, now_ms))

    async def announce_current(self) -> None:
        """Send the last promotion again, so that a topic that was lost or emptied has it."""
        await self._store.write(lambda tx: tx.reopen_latest(MODELS_EVENTS.name))
        self._announce()

    async def _change(
        self, work: Callable[[Transaction], ModelRecord | Refuse]
    ) -> ModelRecord | Refuse:
        outcome = await self._store.write(work)
        self._announce()
        return outcome

    async def _find_missing(self, manifest: Manifest) -> Refuse | None:
        digests = {entry.sha256 for entry in manifest.files.values()}
        sizes = {digest: await self._artifacts.size_bytes(digest) for digest in digests}
        return find_missing(manifest, sizes)


def _no_version(version: str) -> Refuse:
    return Refuse(ErrorCode.NOT_FOUND, f"There is no model version {version!r}.")


def _register(
    tx: Transaction, manifest: Manifest, manifest_bytes: bytes, now_ms: int
) -> Registered | Refuse:
    existing = tx.model(manifest.version)
    if existing is None and tx.is_deleted_model(manifest.version):
        detail = f"Version {manifest.version!r} was deleted; its name is not used again."
        return Refuse(ErrorCode.CONFLICT, detail)
    decision = decide_registration(manifest, manifest_bytes, existing, now_ms)
    match decision:
        case AlreadyRegistered(record):
            return Registered(record, created=False)
        case Refuse():
            return decision
        case record:
            tx.add_model(record, manifest_bytes)
            return Registered(record, created=True)


def _seed(
    tx: Transaction, manifest: Manifest, manifest_bytes: bytes, now_ms: int
) -> ModelRecord | Refuse:
    current = tx.current()
    if current is not None:
        return current
    registered = _register(tx, manifest, manifest_bytes, now_ms)
    if isinstance(registered, Refuse):
        return registered
    return promote(tx, manifest.version, now_ms)
