"""What a backup holds, and what an operator is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.contracts.bundle import Manifest

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names: part of a bundle, or an image."""

    kind: Literal["artifact", "image"]
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """So many models, images and jobs; size_bytes: of all their files, each once."""

    models: int
    images: int
    jobs: int
    size_bytes: int


def name_artifacts(manifests: Sequence[Manifest]) -> Sequence[NamedFile]:
    """Give every file of every bundle once, however many bundles share it."""
    entries = [entry for manifest in manifests for entry in manifest.files.values()]
    sizes: Mapping[str, int] = {entry.sha256: entry.size_bytes for entry in entries}
    return [NamedFile("artifact", sha256, size) for sha256, size in sizes.items()]


def tell_holdings(holdings: Holdings) -> str:
    """Name what there is, as part of a sentence."""
    return (
        f"{_count(holdings.models, 'model')}, {_count(holdings.images, 'image')} and"
        f" {_count(holdings.jobs, 'job')}, {_size(holdings.size_bytes)} of files"
    )


def tell_damage(damaged: Sequence[NamedFile]) -> str:
    """Say in one sentence how many files are not what their rows say, and which is the first."""
    first = damaged[0]
    are = "is" if len(damaged) == 1 else "are"
    return (
        f"{_count(len(damaged), 'file')} {are} missing or not what the name says;"
        f" the first: {first.kind} {first.sha256}."
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _size(size_bytes: int) -> str:
    size, unit = float(size_bytes), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size_bytes} bytes"
