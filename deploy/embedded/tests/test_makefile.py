"""The Makefile's choice of Python, with stand-ins on PATH."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[3] / "Makefile"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    shutil.copy(MAKEFILE, tmp_path / "Makefile")
    (tmp_path / "bin").mkdir()
    return tmp_path


def stand_in(clone: Path, name: str, minor: int) -> None:
    """A Python that has another version number, and makes no environment."""
    change = f"import sys; sys.version_info = (3, {minor}, 0, 'final', 0);"
    script = clone / "bin" / name
    script.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "{change} $2"\n'
        f'echo "{name} $*"; exit 1\n'
    )
    script.chmod(0o755)


def make_environment(clone: Path, *variables: str) -> str:
    path = f"{clone / 'bin'}:/usr/bin:/bin"
    without = {k: v for k, v in os.environ.items() if k not in {"PYTHON", "MAKEFLAGS"}}
    done = subprocess.run(
        ["make", ".venv/bin/python", *variables],
        cwd=clone,
        env=without | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_a_newer_python3_is_passed_over_for_a_supported_one(clone: Path) -> None:
    stand_in(clone, "python3", 14)
    stand_in(clone, "python3.13", 13)
    assert "python3.13 -m venv .venv" in make_environment(clone)


def test_python_3_14_is_refused_in_one_sentence(clone: Path) -> None:
    stand_in(clone, "mine", 14)
    said = make_environment(clone, "PYTHON=mine")
    assert "PneumoStream needs Python 3.11 to 3.13; mine is not." in said
    assert "Making .venv" not in said
