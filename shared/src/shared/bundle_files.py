"""A bundle on disk: read it, check it, and nothing of it is believed before its hash is."""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from shared.contracts.bundle import MANIFEST_FILE, Manifest

_CHUNK_BYTES = 1024 * 1024


class BundleError(Exception):
    """The directory is not a whole, untouched bundle; it must not be served."""


class InvalidManifestError(BundleError):
    """The manifest is no manifest of this format; fetching the bundle again changes nothing."""


def sha256_of(path: Path) -> str:
    """Hash a file without holding it in memory; lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest(bundle: Path) -> Manifest:
    """Read and validate the manifest. Raises BundleError, in one sentence."""
    path = bundle / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(f"{bundle} holds no {MANIFEST_FILE}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidManifestError(f"{path} is not a valid manifest: {problems}") from error


def verify_bundle(bundle: Path) -> Manifest:
    """Check every file against the manifest's size and sha256. Raises BundleError."""
    manifest = read_manifest(bundle)
    for name, entry in manifest.files.items():
        path = bundle / name
        if not path.is_file():
            raise BundleError(f"{path} is missing")
        if path.stat().st_size != entry.size_bytes or sha256_of(path) != entry.sha256:
            raise BundleError(f"{path} does not match its sha256 in the manifest")
    return manifest
