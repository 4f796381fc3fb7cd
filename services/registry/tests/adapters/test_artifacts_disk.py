import asyncio
import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.core.refusals import Refuse, RegistryCode
from registry.ports import ArtifactsUnavailableError, Stored
from shared.contracts.errors import ErrorCode

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def _in_pieces(content: bytes, size: int = 7_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def _torn(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise ConnectionAbortedError("the client went away")


def _files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def artifacts(folder: Path) -> DiskArtifacts:
    artifacts = DiskArtifacts(folder, max_bytes=len(CONTENT))
    artifacts.prepare()
    return artifacts


async def test_an_artifact_is_stored_once_under_its_hash(
    artifacts: DiskArtifacts, folder: Path
) -> None:
    assert await artifacts.store(SHA256, _in_pieces(CONTENT)) == Stored(len(CONTENT), created=True)
    assert await artifacts.store(SHA256, _in_pieces(CONTENT)) == Stored(len(CONTENT), created=False)
    assert await artifacts.load(SHA256) == CONTENT
    assert await artifacts.size_bytes(SHA256) == len(CONTENT)
    assert _files(folder) == [SHA256]


async def test_an_artifact_is_read_from_any_byte_on(artifacts: DiskArtifacts) -> None:
    await artifacts.store(SHA256, _in_pieces(CONTENT))
    for first in (0, 1, len(CONTENT) - 1, len(CONTENT)):
        blocks = [block async for block in artifacts.read(SHA256, first)]
        assert b"".join(blocks) == CONTENT[first:]
        assert all(0 < len(block) <= 2**20 for block in blocks)
    with pytest.raises(ArtifactsUnavailableError):
        await anext(artifacts.read("0" * 64))


async def test_an_empty_artifact_is_an_artifact(artifacts: DiskArtifacts) -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert await artifacts.store(empty, _in_pieces(b"")) == Stored(0, created=True)
    assert await artifacts.size_bytes(empty) == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (CONTENT[:-1], RegistryCode.CHECKSUM_MISMATCH),
        (CONTENT + b"!", ErrorCode.TOO_LARGE),
        (b"", RegistryCode.CHECKSUM_MISMATCH),
    ],
)
async def test_other_bytes_leave_nothing_behind(
    artifacts: DiskArtifacts, folder: Path, content: bytes, code: str
) -> None:
    refusal = await artifacts.store(SHA256, _in_pieces(content))
    assert isinstance(refusal, Refuse)
    assert refusal.code == code
    assert await artifacts.size_bytes(SHA256) is None
    assert _files(folder) == []


async def test_an_upload_that_breaks_off_leaves_nothing_behind(
    artifacts: DiskArtifacts, folder: Path
) -> None:
    with pytest.raises(ArtifactsUnavailableError):
        await artifacts.store(SHA256, _torn(CONTENT))
    assert _files(folder) == []


async def test_a_rotten_artifact_is_made_whole_by_storing_it_again(
    artifacts: DiskArtifacts, folder: Path
) -> None:
    await artifacts.store(SHA256, _in_pieces(CONTENT))
    (folder / SHA256).write_bytes(b"rotten")
    await artifacts.store(SHA256, _in_pieces(CONTENT))
    assert await artifacts.load(SHA256) == CONTENT


async def test_a_folder_that_is_gone_is_a_typed_failure(
    artifacts: DiskArtifacts, folder: Path
) -> None:
    assert await artifacts.is_available()
    (folder / ".incoming").rmdir()
    assert not await artifacts.is_available()
    with pytest.raises(ArtifactsUnavailableError):
        await artifacts.store(SHA256, _in_pieces(CONTENT))


_CHILD = """
import asyncio, hashlib, sys
from pathlib import Path
from registry.adapters.artifacts_disk import DiskArtifacts

async def slowly():
    yield bytes(range(256)) * 5_000
    print("half", flush=True)
    await asyncio.sleep(60)

artifacts = DiskArtifacts(Path(sys.argv[1]), max_bytes=1 << 30)
artifacts.prepare()
asyncio.run(artifacts.store(sys.argv[2], slowly()))
"""


def _kill_a_writer(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(folder), SHA256], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        deadline = time.monotonic() + 5
        while _half_written(folder) == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)


async def test_a_process_killed_while_writing_shows_no_half_file(
    artifacts: DiskArtifacts, folder: Path
) -> None:
    await asyncio.to_thread(_kill_a_writer, folder)
    assert _half_written(folder) > 0, "the child was killed in the middle of a file"
    assert await artifacts.size_bytes(SHA256) is None
    assert _files(folder)[0].startswith(".incoming/")

    artifacts.prepare()
    assert _files(folder) == []
    assert await artifacts.store(SHA256, _in_pieces(CONTENT)) == Stored(len(CONTENT), created=True)


def _half_written(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / ".incoming").iterdir())
