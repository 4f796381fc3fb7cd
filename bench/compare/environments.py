"""Environments of the peers that must not touch the project's own, made from pinned files."""

import hashlib
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / "peers"
_STAMP = ".requirements.sha256"


def ensure_environment(peer: str, folder: Path) -> Path:
    """Give the bin folder of a peer's environment; installed once, and again when pins change.

    Raises SystemExit with a sentence if pip cannot install it.
    """
    requirements = PEERS / f"{peer}.txt"
    place = folder / peer
    stamp, wanted = place / _STAMP, hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"Installing {peer} into {place} (once) ...", flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(place))
        pip = (str(place / "bin" / "python"), "-m", "pip", "install", "--quiet")
        _run(*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(requirements))
        stamp.write_text(wanted)
    return place / "bin"


def _run(*command: str) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit(f"This failed: {' '.join(command)}")
