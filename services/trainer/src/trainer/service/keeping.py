"""What a bundle remembers of the pictures that were kept from its training: their hashes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.core.dataset import Dataset, Example

KEPT_FILE = "kept.json"


def write_kept(folder: Path, dataset: Dataset, kept: Sequence[Example]) -> None:
    """Write class → sha256 of its kept pictures; nothing where none were kept."""
    if not kept:
        return
    by_class: dict[str, list[str]] = {name: [] for name in dataset.further}
    for example in kept:
        by_class[dataset.classes[example.label]].append(example.sha256)
    (folder / KEPT_FILE).write_text(json.dumps(by_class, indent=1) + "\n")


def read_kept(bundle: Path) -> frozenset[str] | None:
    """Give the hashes of all that was kept; None where the bundle kept nothing."""
    path = bundle / KEPT_FILE
    if not path.exists():
        return None
    by_class: Mapping[str, Sequence[str]] = json.loads(path.read_text())
    return frozenset(sha256 for hashes in by_class.values() for sha256 in hashes)
