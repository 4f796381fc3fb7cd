"""Features on disk, in shards that are whole or absent: an interrupted run loses one at most."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trainer.core.arrays import Floats


class FeatureFiles:
    """One folder a key, one npz a shard: `sha256` [N] and `features` float32 [N, D]."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def load(self, key: str) -> Mapping[str, Floats]:
        """Give what is stored: sha256 of the picture → float32 [D]."""
        rows: dict[str, Floats] = {}
        for path in sorted(self._folder(key).glob("*.npz")):
            with np.load(path) as shard:
                rows.update(zip(shard["sha256"].tolist(), shard["features"], strict=True))
        return rows

    def append(self, key: str, rows: Mapping[str, Floats]) -> None:
        """Add rows, all or none."""
        folder = self._folder(key)
        folder.mkdir(parents=True, exist_ok=True)
        names = np.array(list(rows))
        name = hashlib.sha256("".join(rows).encode()).hexdigest()[:16]
        part = folder / f"{name}.{os.getpid()}.part"
        with part.open("wb") as stream:
            np.savez(stream, sha256=names, features=np.stack(list(rows.values())))
        part.replace(folder / f"{name}.npz")

    def _folder(self, key: str) -> Path:
        return self._root / hashlib.sha256(key.encode()).hexdigest()[:24]
