"""Files on disk and in S3: what every port over them promises."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.artifacts_s3 import S3Artifacts
from registry.adapters.bucket import Bucket, open_bucket
from registry.adapters.images_disk import DiskImages
from registry.adapters.images_s3 import S3Images
from registry.core.refusals import Refuse, RegistryCode
from registry.ports import Artifacts, ArtifactsUnavailableError, ImageFiles, Stored
from shared.contracts.errors import ErrorCode

CONTENT = bytes(range(256)) * 50_000  # S3: more than two parts
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NONE = "0" * 64


@pytest.fixture
def bucket(bucket_url: str, s3_endpoint: str) -> Bucket:
    return open_bucket(bucket_url, s3_endpoint)


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def artifacts(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    artifacts: DiskArtifacts | S3Artifacts
    if place == "disk":
        artifacts = DiskArtifacts(tmp_path / "artifacts", max_bytes=len(CONTENT))
    else:
        bucket = request.getfixturevalue("bucket")
        artifacts = S3Artifacts(bucket, tmp_path / "incoming", max_bytes=len(CONTENT))
    artifacts.prepare()
    return artifacts


@pytest.fixture
def images(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> ImageFiles:
    if place == "s3":
        return S3Images(request.getfixturevalue("bucket"))
    images = DiskImages(tmp_path / "images")
    images.prepare()
    return images


async def _in_pieces(content: bytes, size: int = 7_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def _torn(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise ConnectionAbortedError("the client went away")


def _left_here(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != SHA256]


async def test_an_artifact_is_stored_once_under_its_hash(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    assert await artifacts.is_available()
    assert await artifacts.store(SHA256, _in_pieces(CONTENT)) == Stored(len(CONTENT), created=True)
    assert await artifacts.store(SHA256, _in_pieces(CONTENT)) == Stored(len(CONTENT), created=False)
    assert await artifacts.load(SHA256) == CONTENT
    assert await artifacts.size_bytes(SHA256) == len(CONTENT)
    assert _left_here(tmp_path) == []


async def test_an_artifact_is_read_from_any_byte_on(artifacts: Artifacts) -> None:
    await artifacts.store(SHA256, _in_pieces(CONTENT))
    for first in (0, 1, len(CONTENT) - 1, len(CONTENT)):
        blocks = [block async for block in artifacts.read(SHA256, first)]
        assert b"".join(blocks) == CONTENT[first:]
        assert all(0 < len(block) <= 2**20 for block in blocks)


async def test_an_artifact_that_is_not_there_is_a_typed_failure(artifacts: Artifacts) -> None:
    assert await artifacts.size_bytes(NONE) is None
    with pytest.raises(ArtifactsUnavailableError):
        await anext(artifacts.read(NONE))
    with pytest.raises(ArtifactsUnavailableError):
        await artifacts.load(NONE)


async def test_an_empty_artifact_is_an_artifact(artifacts: Artifacts) -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert await artifacts.store(empty, _in_pieces(b"")) == Stored(0, created=True)
    assert await artifacts.size_bytes(empty) == 0
    assert [block async for block in artifacts.read(empty)] == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (CONTENT[:-1], RegistryCode.CHECKSUM_MISMATCH),
        (CONTENT + b"!", ErrorCode.TOO_LARGE),
        (b"", RegistryCode.CHECKSUM_MISMATCH),
    ],
)
async def test_other_bytes_leave_nothing_behind(
    artifacts: Artifacts, tmp_path: Path, content: bytes, code: str
) -> None:
    refusal = await artifacts.store(SHA256, _in_pieces(content))
    assert isinstance(refusal, Refuse)
    assert refusal.code == code
    assert await artifacts.size_bytes(SHA256) is None
    assert _left_here(tmp_path) == []


async def test_an_upload_that_breaks_off_leaves_nothing_behind(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactsUnavailableError):
        await artifacts.store(SHA256, _torn(CONTENT))
    assert await artifacts.size_bytes(SHA256) is None
    assert _left_here(tmp_path) == []


async def test_an_image_is_there_until_it_is_removed(images: ImageFiles) -> None:
    assert await images.load(SHA256) is None
    for _ in range(2):
        await images.store(SHA256, CONTENT)
    assert await images.load(SHA256) == CONTENT
    for _ in range(2):
        await images.remove(SHA256)
        assert await images.load(SHA256) is None


async def test_an_image_that_was_cut_is_made_whole_by_storing_it_again(images: ImageFiles) -> None:
    await images.store(SHA256, CONTENT[:-1])
    await images.store(SHA256, CONTENT)
    assert await images.load(SHA256) == CONTENT


async def test_an_artifact_is_removed_unless_it_was_stored_lately(artifacts: Artifacts) -> None:
    await artifacts.store(SHA256, _in_pieces(CONTENT))
    assert not await artifacts.remove(SHA256, 0)
    assert await artifacts.size_bytes(SHA256) == len(CONTENT)
    later_ms = 2**52  # beyond any clock
    assert await artifacts.remove(SHA256, later_ms)
    assert await artifacts.size_bytes(SHA256) is None
    assert await artifacts.remove(SHA256, later_ms)
