import asyncio
from pathlib import Path

import pytest

from registry.adapters.images_disk import DiskImages
from registry.ports import ArtifactsUnavailableError
from shared.testing.bundles import sha256_hex

CONTENT = b"a radiograph"
SHA256 = sha256_hex(CONTENT)


def _images(folder: Path) -> DiskImages:
    images = DiskImages(folder)
    images.prepare()
    return images


def _files(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


async def test_an_image_lies_under_its_sha256_until_it_is_removed(tmp_path: Path) -> None:
    images = _images(tmp_path)
    assert await images.load(SHA256) is None
    await asyncio.gather(*(images.store(SHA256, CONTENT) for _ in range(3)))
    assert _files(tmp_path) == [Path(SHA256[:2]) / SHA256]
    assert await images.load(SHA256) == CONTENT
    for _ in range(2):
        await images.remove(SHA256)
        assert _files(tmp_path) == []


async def test_what_a_killed_process_left_is_dropped_and_the_rest_is_kept(tmp_path: Path) -> None:
    await _images(tmp_path).store(SHA256, CONTENT)
    (tmp_path / ".incoming" / "half").write_bytes(b"a radio")
    images = _images(tmp_path)
    assert await images.load(SHA256) == CONTENT
    assert _files(tmp_path) == [Path(SHA256[:2]) / SHA256]


async def test_a_disk_that_fails_is_said_to_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    images = _images(tmp_path)
    (tmp_path / SHA256[:2]).rmdir()
    (tmp_path / SHA256[:2]).write_bytes(b"no folder")
    with pytest.raises(ArtifactsUnavailableError):
        await images.store(SHA256, CONTENT)
    assert list((tmp_path / ".incoming").iterdir()) == []
