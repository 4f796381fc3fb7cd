"""One training's checkpoint on disk: that of the last whole epoch, or none."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from trainer.core.history import Checkpoint, history_json, read_epochs

_STATE = "state"


class CheckpointFile:
    """An npz: arrays by name, and `state`, the JSON of everything else. Replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Checkpoint | None:
        """Give what is stored, or None."""
        if not self._path.exists():
            return None
        with np.load(self._path, allow_pickle=False) as stored:
            state = json.loads(str(stored[_STATE]))
            arrays = {name: stored[name] for name in stored.files if name != _STATE}
        return Checkpoint(arrays, state["generator"], read_epochs(state))

    def store(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint in the place of the one before."""
        state = {"generator": checkpoint.generator} | history_json(checkpoint.epochs)
        named: dict[str, Any] = {**checkpoint.arrays, _STATE: np.array(json.dumps(state))}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        with part.open("wb") as stream:
            np.savez(stream, **named)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._path)

    def clear(self) -> None:
        """Forget it: the training has come to its end."""
        self._path.unlink(missing_ok=True)
