"""Fine-tuning that is killed goes on after its last whole epoch, to the same weights."""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.insights.curves import curves_of
from trainer.adapters.checkpoint_file import CheckpointFile

pytestmark = pytest.mark.timeout(600)  # the fixture trains twice

PROGRAM = Path(__file__).with_name("tune.py")


def tune(folder: Path, name: str, stage: str = "") -> int:
    words = (str(folder / f"{name}.checkpoint"), str(folder / f"{name}.npz"), stage)
    done = subprocess.run([sys.executable, str(PROGRAM), *words], check=False, capture_output=True)
    return done.returncode


def result(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{name}.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuning")
    assert tune(folder, "whole") == 0
    assert tune(folder, "killed", "fine-tuning, epoch 2 of 4") == -signal.SIGKILL
    return folder


def test_a_killed_training_keeps_its_whole_epochs(folder: Path) -> None:
    checkpoint = CheckpointFile(folder / "killed.checkpoint").load()
    assert checkpoint is not None
    assert len(checkpoint.epochs) == 2
    assert not (folder / "killed.npz").exists()


def test_it_goes_on_to_the_same_bytes(folder: Path) -> None:
    assert tune(folder, "killed") == 0
    whole, resumed = result(folder, "whole"), result(folder, "killed")
    assert whole.keys() == resumed.keys()
    for name, one in whole.items():
        assert one.tobytes() == resumed[name].tobytes(), name


def test_its_history_can_be_drawn(folder: Path) -> None:
    history = ast.literal_eval(str(result(folder, "whole")["history"]))
    curves = curves_of(history)
    assert len(curves.loss) == 4
    assert set(curves.validation) == {"loss", "accuracy", "balanced_accuracy"}
    assert curves.loss[-1] < curves.loss[0]
