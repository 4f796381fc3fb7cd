from pathlib import Path

import numpy as np

from trainer.adapters.feature_files import FeatureFiles


def test_rows_come_back_by_picture_and_key(tmp_path: Path) -> None:
    store = FeatureFiles(tmp_path)
    rows = {"a": np.array([1.0, 2.0], np.float32), "b": np.array([3.0, 4.0], np.float32)}
    store.append("key", rows)
    store.append("key", {"c": np.array([5.0, 6.0], np.float32)})
    again = FeatureFiles(tmp_path).load("key")
    assert {name: row.tolist() for name, row in again.items()} == {
        "a": [1, 2],
        "b": [3, 4],
        "c": [5, 6],
    }
    assert store.load("other key") == {}


def test_a_shard_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    store = FeatureFiles(tmp_path)
    store.append("key", {"a": np.zeros(2, np.float32)})
    (shard,) = tmp_path.rglob("*.npz")
    shard.rename(shard.with_suffix(".part"))
    assert store.load("key") == {}
