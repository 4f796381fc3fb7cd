import pytest

from registry.core.refusals import Refuse, RegistryCode
from registry.core.registration import (
    AlreadyRegistered,
    decide_registration,
    find_missing,
    parse_manifest,
)
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord
from shared.testing.bundles import manifest_bytes, new_manifest, sha256_hex

FILES = {"model.xml": b"<net/>", "model.bin": b"12345"}
MANIFEST = new_manifest(FILES)
SIZES = {sha256_hex(content): len(content) for content in FILES.values()}


def test_a_valid_manifest_is_read() -> None:
    assert parse_manifest(manifest_bytes(MANIFEST)) == MANIFEST


@pytest.mark.parametrize(
    ("body", "mentions"),
    [
        (b"", "manifest: Invalid JSON"),
        (b"[]", "manifest:"),
        (b'{"name": "x"}', "version: Field required"),
        (manifest_bytes(MANIFEST).replace(b'"v1"', b'"../etc"'), "version:"),
        (manifest_bytes(MANIFEST).replace(b'"model.bin"', b'"../../x"'), "files."),
        (manifest_bytes(new_manifest(FILES, version="current")), "reserved"),
        (manifest_bytes(new_manifest(FILES, version="rollback")), "reserved"),
        (manifest_bytes(new_manifest({**FILES, "manifest.json": b"{}"})), "its own files"),
    ],
)
def test_what_is_no_manifest_is_refused_in_words(body: bytes, mentions: str) -> None:
    refusal = parse_manifest(body)
    assert isinstance(refusal, Refuse)
    assert refusal.code == RegistryCode.INVALID_MANIFEST
    assert mentions in refusal.detail


def test_a_manifest_with_every_file_stored_is_complete() -> None:
    assert find_missing(MANIFEST, SIZES) is None


def test_each_missing_file_is_named() -> None:
    refusal = find_missing(MANIFEST, dict.fromkeys(SIZES))
    assert refusal is not None
    assert refusal.code == RegistryCode.MISSING_ARTIFACTS
    assert all(name in refusal.detail for name in FILES)


def test_a_size_that_is_not_the_artifacts_is_refused() -> None:
    refusal = find_missing(MANIFEST, SIZES | {sha256_hex(b"12345"): 4})
    assert refusal is not None
    assert refusal.code == RegistryCode.INVALID_MANIFEST
    assert "model.bin" in refusal.detail


def _record(body: bytes) -> ModelRecord:
    decision = decide_registration(MANIFEST, body, None, now_ms=7)
    assert isinstance(decision, ModelRecord)
    return decision


def test_a_new_version_is_a_candidate_under_the_hash_of_its_exact_bytes() -> None:
    body = manifest_bytes(MANIFEST)
    record = _record(body)
    assert (record.state, record.created_at_ms, record.promoted_at_ms) == ("candidate", 7, None)
    assert record.bundle_sha256 == sha256_hex(body)


def test_the_same_bytes_are_recognised_and_others_refused() -> None:
    body = manifest_bytes(MANIFEST)
    existing = _record(body)
    again = decide_registration(MANIFEST, body, existing, now_ms=8)
    other = decide_registration(MANIFEST, body + b" ", existing, now_ms=8)
    assert again == AlreadyRegistered(existing)
    assert isinstance(other, Refuse)
    assert other.code == ErrorCode.CONFLICT
