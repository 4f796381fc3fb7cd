import asyncio
from pathlib import Path

import pytest

from registry.adapters.images_disk import DiskImages
from registry.ports import ArtifactsUnavailableError
from shared.testing.bundles import sha256_hex

CONTENT = b"a radiograph"
SHA256 = sha256_hex(CONTENT)


def _images(folder: Path, max_bytes: int = 1000) -> DiskImages:
    images = DiskImages(folder, max_bytes=max_bytes)
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


async def test_all_files_together_are_bounded_also_after_a_restart(tmp_path: Path) -> None:
    limit = len(CONTENT) + 3
    await _images(tmp_path, limit).store(SHA256, CONTENT)
    images = _images(tmp_path, limit)
    with pytest.raises(ArtifactsUnavailableError, match="has its 15 bytes"):
        await images.store(sha256_hex(b"four"), b"four")
    await images.store(SHA256, CONTENT)  # it is there: nothing more is needed
    await images.store(sha256_hex(b"yes"), b"yes")
    await images.remove(SHA256)
    await images.store(sha256_hex(b"four"), b"four")
    assert len(_files(tmp_path)) == 2


async def test_a_disk_that_fails_is_said_to_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    images = _images(tmp_path)
    (tmp_path / SHA256[:2]).rmdir()
    (tmp_path / SHA256[:2]).write_bytes(b"no folder")
    with pytest.raises(ArtifactsUnavailableError):
        await images.store(SHA256, CONTENT)
    assert list((tmp_path / ".incoming").iterdir()) == []
