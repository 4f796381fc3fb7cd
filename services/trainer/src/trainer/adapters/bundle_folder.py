"""Puts a whole bundle in its place at once; a reader sees the old one or the new one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `target` when the block ends well, else vanishes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield fresh
        fresh.chmod(0o755)
        retired = fresh.with_name(f"{fresh.name}.old")
        if target.exists():
            target.rename(retired)
        fresh.rename(target)
        shutil.rmtree(retired, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
