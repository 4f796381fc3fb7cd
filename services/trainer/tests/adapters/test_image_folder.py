from pathlib import Path

import pytest

from trainer.adapters.image_folder import ImageFolder


def test_further_folders_are_named_after_their_class(tmp_path: Path) -> None:
    for name in ("main/a/1.png", "other/deep/2.png", "other/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    images = ImageFolder(tmp_path / "main", {"B": tmp_path / "other"})
    assert images.names() == ["B/deep/2.png", "a/1.png"]
    assert images.read("B/deep/2.png") == b"other/deep/2.png"
    assert images.read("a/1.png") == b"main/a/1.png"


def test_one_class_in_two_places_is_refused(tmp_path: Path) -> None:
    (tmp_path / "B").mkdir()
    with pytest.raises(FileExistsError, match="already holds a folder B"):
        ImageFolder(tmp_path, {"B": tmp_path / "B"})
