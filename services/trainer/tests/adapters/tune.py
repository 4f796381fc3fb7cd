"""One small fine-tuning as a program: `tune.py CHECKPOINT OUT [STAGE]`; killed at STAGE if named.

Run by test_tuning.py, because a SIGKILL ends a whole process.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from trainer.adapters.checkpoint_file import CheckpointFile
from trainer.adapters.graphs import FEATURES
from trainer.adapters.mobilenet import random_weights
from trainer.adapters.tuning import KerasTuner
from trainer.core.heads import LinearHead
from trainer.core.history import Held, history_json
from trainer.core.recipe import Learning

SIZE_PX = 64


class KilledAt:
    def __init__(self, stage: str) -> None:
        self._stage = stage

    def expect(self, steps: int) -> None: ...

    def stage(self, name: str) -> None:
        if self._stage and name.startswith(self._stage):
            os.kill(os.getpid(), signal.SIGKILL)

    def advance(self, steps: int) -> None:
        self.done = getattr(self, "done", 0) + steps

    def learned(self, epochs: object) -> None: ...


def main(checkpoint: Path, out: Path, stage: str) -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((5, 40, 4, 4, 64)).astype(np.float16)
    labels = np.arange(40) % 3
    maps[:, labels == 0, :, :, :8] += 1
    head = LinearHead(np.zeros((FEATURES, 3), np.float32), np.zeros(3, np.float32))
    tuner = KerasTuner(random_weights(SIZE_PX, 0), size_px=SIZE_PX)
    learning = Learning(epochs=4, batch=8, rate=1e-4)
    held, progress = Held(maps[4], labels), KilledAt(stage)
    tuned = tuner.fine_tune(
        head, list(maps[:4]), labels, held, learning, 0, progress, CheckpointFile(checkpoint)
    )
    arrays = {f"{k}/{n}": one for k, parts in tuned.kernels.items() for n, one in enumerate(parts)}
    np.savez(out, **arrays, history=str(history_json(tuned.epochs)), done=progress.done)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
