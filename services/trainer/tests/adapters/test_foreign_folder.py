from pathlib import Path

from PIL import Image

from trainer.adapters.foreign_folder import foreign_pictures


def test_every_folder_is_a_kind_and_every_picture_counts_once(tmp_path: Path) -> None:
    for name, shade in (("knees/1", 10), ("knees/2", 10), ("knees/deep/3", 30), ("hands/1", 40)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 50), shade).save(path)
    (tmp_path / "knees" / "broken.png").write_bytes(b"no picture")
    Image.new("L", (40, 50), 90).save(tmp_path / "stray.png")
    found = foreign_pictures(tmp_path, 32)
    assert {kind: len(pictures) for kind, pictures in found.items()} == {"hands": 1, "knees": 2}
    assert found["hands"][0].shape == (32, 32)
    assert {int(picture[0, 0]) for picture in found["knees"]} == {10, 30}
