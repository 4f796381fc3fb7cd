"""The root of `data download`: catalogue, network, checksum, lock."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.bundle_files import sha256_of
from trainer.adapters.catalogue_file import ChecksumLock, read_catalogue
from trainer.adapters.http_download import HttpDownload
from trainer.adapters.zip_files import unpack_zip
from trainer.core.catalogue import CatalogueEntry, CatalogueError, ChecksumVerdict, choose, judge
from trainer.ports import Progress

_MAX_BYTES = 50_000_000_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here, and what its checksum means."""

    entry: CatalogueEntry
    path: Path
    sha256: str
    verdict: ChecksumVerdict


def known_sets(catalogue: Path | None) -> dict[str, CatalogueEntry]:
    """Read the catalogue; None: the trainer's own. Raises OSError, CatalogueError."""
    return read_catalogue(catalogue)


def download_set(
    known: Mapping[str, CatalogueEntry],
    name: str,
    out: Path,
    progress: Progress,
    *,
    url: str = "",
    sha256: str = "",
) -> Fetched:
    """Fetch a set into `out`, or check the file that is there already.

    A file whose checksum is not the one on record never gets its name.
    Raises CatalogueError, DatasetDownloadError, OSError.
    """
    entry = choose(known, name, url=url, sha256=sha256)
    target, lock = out / entry.file, ChecksumLock(out)
    before = lock.before(entry.address)
    there = target.exists()
    if not there:
        progress.stage(f"fetching {entry.name}, MiB")
        HttpDownload(progress, max_bytes=_MAX_BYTES).fetch(entry.address, target)
    came = target if there else target.with_name(f"{target.name}.part")
    computed = sha256_of(came)
    verdict = judge(computed, recorded=entry.sha256, before=before)
    if verdict is ChecksumVerdict.MISMATCH:
        if not there:
            came.unlink()
        expected = entry.sha256 or before
        raise CatalogueError(f"{target.name} has sha256 {computed}, but {expected} is on record")
    if before is None:
        lock.record(entry.address, computed)
    came.replace(target)
    return Fetched(entry, target, computed, verdict)


def unpack_set(path: Path) -> Path:
    """Unpack a ZIP file beside itself. Raises ArchiveError."""
    return unpack_zip(path)
