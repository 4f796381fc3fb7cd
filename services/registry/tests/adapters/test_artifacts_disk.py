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
from registry.ports import ArtifactsUnavailableError, Stored

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def _in_pieces(content: bytes, size: int = 7_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


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
