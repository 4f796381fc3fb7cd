"""A small bundle that is valid to the last hash and predicts nothing."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.contracts.bundle import (
    MANIFEST_FILE,
    Calibration,
    DecisionRule,
    EngineSpec,
    FileEntry,
    Lineage,
    Manifest,
    PreprocessingSpec,
)

CLASSES = ("normal", "pneumonia")
_TRAINED_AT_MS = 1_760_000_000_000


def write_bundle(
    folder: Path,
    *,
    version: str = "v1",
    name: str = "chest-xray",
    classes: Sequence[str] = CLASSES,
    files: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Write a whole bundle into `folder` (made if missing) and give its manifest.

    files: name → content; default: a tiny `model.xml` and a `model.bin` of 64 KiB, both unlike
    those of any other version. No engine can load them.
    """
    contents = default_files(version) if files is None else files
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in contents.items():
        (folder / file_name).write_bytes(content)
    manifest = new_manifest(contents, version=version, name=name, classes=classes)
    (folder / MANIFEST_FILE).write_bytes(manifest_bytes(manifest))
    return manifest


def default_files(version: str) -> dict[str, bytes]:
    """Give the content of a fake model; the same version gives the same bytes."""
    weights = b"".join(hashlib.sha256(f"{version}/{i}".encode()).digest() for i in range(2048))
    return {"model.xml": f'<net name="{version}"/>\n'.encode(), "model.bin": weights}


def new_manifest(
    files: Mapping[str, bytes] | None = None,
    *,
    version: str = "v1",
    name: str = "chest-xray",
    classes: Sequence[str] = CLASSES,
    threshold: float = 0.5,
) -> Manifest:
    """Give a valid manifest over these files, else over the default ones.

    `model.xml` must be one of them; the first class is the reference class.
    """
    contents = default_files(version) if files is None else files
    return Manifest(
        name=name,
        version=version,
        classes=tuple(classes),
        preprocessing=PreprocessingSpec(),
        calibration=Calibration(),
        decision=DecisionRule(reference_class=classes[0], threshold=threshold),
        engine=EngineSpec(precision="f32"),
        files={file_name: _entry(content) for file_name, content in contents.items()},
        lineage=Lineage(
            data_sha256=sha256_hex(b"no data"),
            code_version="test",
            seed=0,
            trained_at_ms=_TRAINED_AT_MS,
        ),
    )


def manifest_bytes(manifest: Manifest) -> bytes:
    """Give the bytes as they lie in the bundle: indented JSON, so not what Pydantic would send."""
    return manifest.model_dump_json(indent=1).encode() + b"\n"


def sha256_hex(content: bytes) -> str:
    """Hash bytes; lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def _entry(content: bytes) -> FileEntry:
    return FileEntry(sha256=sha256_hex(content), size_bytes=len(content))
