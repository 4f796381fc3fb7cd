from pathlib import Path

import pytest

from trainer.adapters.bundle_folder import replaced


def test_the_old_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "models" / "one"
    with replaced(target) as folder:
        (folder / "old").write_text("1")
    with replaced(target) as folder:
        (folder / "new").write_text("2")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in target.parent.iterdir()] == ["one"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "one"
    with replaced(target) as folder:
        (folder / "old").write_text("1")
    with pytest.raises(OSError, match="disk full"):
        fill_the_disk(target)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def fill_the_disk(target: Path) -> None:
    with replaced(target) as folder:
        (folder / "new").write_text("2")
        raise OSError("disk full")
