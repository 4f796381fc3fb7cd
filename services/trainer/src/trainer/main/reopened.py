"""Opens again the folder that a bundle was made from, split as its training split it."""

import json
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.bundle import Manifest
from trainer.core.arrays import Mask
from trainer.core.dataset import Dataset
from trainer.core.keeping import in_order_of, without
from trainer.core.replay import ReplayError
from trainer.core.splits import split_patients
from trainer.main.source import Beside, open_folder
from trainer.ports import Images
from trainer.service.bundling import RECIPE_FILE
from trainer.service.keeping import read_kept


@dataclass(frozen=True, slots=True)
class Reopened:
    """What a bundle was made from. held_out: bool [N], what its validation kept."""

    images: Images
    dataset: Dataset
    held_out: Mask


def reopen(bundle: Path, manifest: Manifest, folder: Path, beside: Beside) -> Reopened:
    """Read the folder. Raises UnlabelledError, OSError; ReplayError if it is another one."""
    images, found = open_folder(folder, beside)
    seen = without(found.dataset, read_kept(bundle) or frozenset())
    if seen.sha256 != manifest.lineage.data_sha256:
        raise ReplayError(
            f"the bundle was not made from these {len(seen.examples)} pictures: "
            "nobody can tell which of them its validation kept"
        )
    stored = json.loads((bundle / RECIPE_FILE).read_text())
    share, seed = stored["validation_share"], stored["split_seed"]
    # By the folder's own numbers for the classes, as training split them.
    held_out = split_patients(seen.examples, share=share, seed=seed)
    return Reopened(images, in_order_of(seen, manifest.classes), held_out)
