from pathlib import Path

import numpy as np
import pytest

from trainer.adapters.view_files import ViewFiles
from trainer.core.history import Checkpoint, Epoch, Tuned

MAPS = np.arange(24, dtype=np.float32).reshape(6, 2, 2, 1)
EPOCHS = (Epoch(0.5, {"loss": 0.25}),)


def test_maps_come_back_by_key(tmp_path: Path) -> None:
    store = ViewFiles(tmp_path)
    stored = store.store_maps("key", iter([MAPS[:4], MAPS[4:]]), 6)
    again = ViewFiles(tmp_path).load_maps("key")
    assert again is not None
    assert (stored == MAPS).all()
    assert (again == MAPS).all()
    assert again.dtype == np.float16
    assert store.load_maps("other key") is None


def test_a_view_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    def interrupted():
        yield MAPS[:4]
        raise KeyboardInterrupt

    store = ViewFiles(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.store_maps("key", interrupted(), 6)
    assert store.load_maps("key") is None


def test_weights_come_back_layer_by_layer(tmp_path: Path) -> None:
    store = ViewFiles(tmp_path)
    kernels = {"head": [MAPS, MAPS[0]], "block_7_project": [MAPS * 2]}
    store.store_tuned("key", Tuned(kernels, EPOCHS))
    again = store.load_tuned("key")
    assert again is not None
    assert {name: len(parts) for name, parts in again.kernels.items()} == {
        "block_7_project": 1,
        "head": 2,
    }
    assert (again.kernels["head"][1] == MAPS[0]).all()
    assert again.epochs == EPOCHS
    assert store.load_tuned("other key") is None


def test_weights_without_a_history_are_still_weights(tmp_path: Path) -> None:
    store = ViewFiles(tmp_path)
    store.store_tuned("key", Tuned({"head": [MAPS]}, EPOCHS))
    (history,) = tmp_path.glob("*.json")
    history.unlink()
    again = store.load_tuned("key")
    assert again is not None
    assert again.epochs == ()


def test_a_checkpoint_replaces_the_one_before_and_can_be_forgotten(tmp_path: Path) -> None:
    place = ViewFiles(tmp_path).checkpoints("key")
    assert place.load() is None
    rng = np.random.default_rng(7)
    for number in (1, 2):
        rng.random(number)
        arrays = {"model/0": MAPS * number, "optimizer/0": np.int64(number)[None]}
        place.store(Checkpoint(arrays, rng.bit_generator.state, EPOCHS * number))
    again = ViewFiles(tmp_path).checkpoints("key").load()
    assert again is not None
    assert (again.arrays["model/0"] == MAPS * 2).all()
    assert again.arrays["optimizer/0"] == 2
    assert again.epochs == EPOCHS * 2
    other = np.random.default_rng()
    other.bit_generator.state = dict(again.generator)
    assert other.random() == rng.random()
    assert len(list(tmp_path.iterdir())) == 1
    place.clear()
    place.clear()
    assert place.load() is None
