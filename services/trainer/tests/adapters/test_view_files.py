from pathlib import Path

import numpy as np
import pytest

from trainer.adapters.view_files import ViewFiles

MAPS = np.arange(24, dtype=np.float32).reshape(6, 2, 2, 1)


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
    store.store_kernels("key", kernels)
    again = store.load_kernels("key")
    assert again is not None
    assert {name: len(parts) for name, parts in again.items()} == {"block_7_project": 1, "head": 2}
    assert (again["head"][1] == MAPS[0]).all()
    assert store.load_kernels("other key") is None
