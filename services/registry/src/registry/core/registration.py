"""Whether a manifest becomes a model version."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from registry.core.refusals import Refuse, RegistryCode
from shared.contracts.bundle import MANIFEST_FILE, Manifest
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord

RESERVED_VERSIONS = frozenset({"current", "rollback"})
"""Words that the HTTP paths use in a version's place."""


@dataclass(frozen=True, slots=True)
class AlreadyRegistered:
    """The same bytes were registered before: the answer to a repeated request."""

    record: ModelRecord


def parse_manifest(manifest_bytes: bytes) -> Manifest | Refuse:
    """Read a manifest, or say in one sentence what is wrong with it."""
    try:
        manifest = Manifest.model_validate_json(manifest_bytes)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'manifest'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        )
        return Refuse(RegistryCode.INVALID_MANIFEST, f"Not a valid manifest: {problems}.")
    if manifest.version in RESERVED_VERSIONS:
        return _invalid(f"{manifest.version!r} is a reserved word, not a version")
    if MANIFEST_FILE in manifest.files:
        return _invalid(f"it lists {MANIFEST_FILE} among its own files")
    return manifest


def find_missing(manifest: Manifest, sizes: Mapping[str, int | None]) -> Refuse | None:
    """Refuse a manifest whose files are not all stored, with the size it says.

    sizes: sha256 → bytes stored, None where there is no such artifact.
    """
    missing = [name for name, entry in manifest.files.items() if sizes.get(entry.sha256) is None]
    if missing:
        listed = ", ".join(f"{name} ({manifest.files[name].sha256})" for name in missing)
        return Refuse(RegistryCode.MISSING_ARTIFACTS, f"Not uploaded yet: {listed}.")
    wrong = [n for n, entry in manifest.files.items() if sizes[entry.sha256] != entry.size_bytes]
    if wrong:
        return _invalid(f"the size of {', '.join(wrong)} is not that of the uploaded artifact")
    return None


def decide_registration(
    manifest: Manifest, manifest_bytes: bytes, existing: ModelRecord | None, now_ms: int
) -> ModelRecord | AlreadyRegistered | Refuse:
    """Give the new candidate, or recognise the same bytes, or refuse another manifest."""
    sha256 = hashlib.sha256(manifest_bytes).hexdigest()
    if existing is None:
        return ModelRecord(
            name=manifest.name,
            version=manifest.version,
            state="candidate",
            bundle_sha256=sha256,
            manifest=manifest,
            created_at_ms=now_ms,
        )
    if existing.bundle_sha256 == sha256:
        return AlreadyRegistered(existing)
    return Refuse(
        ErrorCode.CONFLICT,
        f"Version {manifest.version!r} is taken by another manifest ({existing.bundle_sha256}).",
    )


def _invalid(reason: str) -> Refuse:
    return Refuse(RegistryCode.INVALID_MANIFEST, f"Not a valid manifest: {reason}.")
