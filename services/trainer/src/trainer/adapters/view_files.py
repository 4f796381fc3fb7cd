"""Cached maps and trained weights on disk, whole or absent: an interrupted run goes on here."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from trainer.adapters.checkpoint_file import CheckpointFile
from trainer.core.arrays import Floats, Halves, Kernels
from trainer.core.history import Tuned, history_json, read_epochs


class ViewFiles:
    """One file a key under a root; maps are float16 and stay on disk (memory-mapped)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def load_maps(self, key: str) -> Halves | None:
        """Give what is stored, float16 [N, …], or None."""
        path = self._path(key, "npy")
        return np.load(path, mmap_mode="r") if path.exists() else None

    def store_maps(self, key: str, batches: Iterable[Floats], count: int) -> Halves:
        """Write `count` rows as they come, and give them back."""
        part, done = self._part(key), 0
        target = None
        for batch in batches:
            if target is None:
                shape = (count, *batch.shape[1:])
                target = np.lib.format.open_memmap(part, "w+", np.float16, shape)
            target[done : done + len(batch)] = batch
            done += len(batch)
        if target is None:
            raise ValueError("no rows to store")
        target.flush()
        path = self._path(key, "npy")
        part.replace(path)
        stored: Halves = np.load(path, mmap_mode="r")
        return stored

    def load_tuned(self, key: str) -> Tuned | None:
        """Give trained weights by layer, and how they came to be, or None."""
        path, history = self._path(key, "npz"), self._path(key, "json")
        if not path.exists():
            return None
        epochs = read_epochs(json.loads(history.read_text())) if history.exists() else ()
        kernels: Kernels = {}
        with np.load(path) as stored:
            for name in sorted(stored.files):
                layer, _ = name.rsplit("/", 1)
                kernels.setdefault(layer, []).append(stored[name])
        return Tuned(kernels, epochs)

    def store_tuned(self, key: str, tuned: Tuned) -> None:
        """Keep trained weights; their history first, so that weights never lack theirs."""
        named: dict[str, Any] = {
            f"{layer}/{number}": one
            for layer, parts in tuned.kernels.items()
            for number, one in enumerate(parts)
        }
        part = self._part(key)
        part.write_text(json.dumps(history_json(tuned.epochs)))
        part.replace(self._path(key, "json"))
        with part.open("wb") as stream:
            np.savez(stream, **named)
        part.replace(self._path(key, "npz"))

    def checkpoints(self, key: str) -> CheckpointFile:
        """Give the place of one training's checkpoint."""
        return CheckpointFile(self._path(key, "checkpoint"))

    def _path(self, key: str, suffix: str) -> Path:
        return self._root / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.{suffix}"

    def _part(self, key: str) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        return self._path(key, f"{os.getpid()}.part")
