"""The Makefile's choice of Python, and how it mends a moved clone; stand-ins on PATH."""

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


def shell() -> dict[str, str]:
    """The environment of a shell, even where `make test` runs this: no make above, no variables."""
    of_make = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "BACKGROUND", "PYTHON"}
    return {name: value for name, value in os.environ.items() if name not in of_make}


def make_environment(clone: Path, *variables: str) -> str:
    path = f"{clone / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["make", ".venv/bin/python", *variables],
        cwd=clone,
        env=shell() | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_a_newer_python3_is_passed_over_for_a_supported_one(clone: Path) -> None:
    stand_in(clone, "python3", 15)
    stand_in(clone, "python3.13", 13)
    assert "python3.13 -m venv .venv" in make_environment(clone)


def test_python_3_14_is_enough_to_serve(clone: Path) -> None:
    stand_in(clone, "python3", 14)
    assert "python3 -m venv .venv" in make_environment(clone)


def test_python_3_15_is_refused_in_one_sentence(clone: Path) -> None:
    stand_in(clone, "mine", 15)
    output = make_environment(clone, "PYTHON=mine")
    assert "PneumoStream needs Python 3.11 to 3.14; mine is not." in output
    assert "Making .venv" not in output


@pytest.mark.parametrize(("minor", "is_installed"), [(13, True), (14, False)])
def test_full_training_is_installed_where_tensorflow_can_be(
    clone: Path, minor: int, *, is_installed: bool
) -> None:
    binaries = clone / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("requirements.txt", "requirements-installer.txt", "requirements-full.txt"):
        (clone / name).touch()
    change = f"import sys; sys.version_info = (3, {minor}, 0, 'final', 0);"
    (binaries / "python").write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "{change} $2"\necho "$*" >> calls\n'
    )
    (binaries / "python").chmod(0o755)
    (clone / ".venv" / ".installed").touch()
    (clone / ".venv" / ".folder").write_text(f"{clone}\n")
    done = subprocess.run(
        ["make", "install-full"],
        cwd=clone,
        env=shell(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) is is_installed
    assert (clone / "calls").exists() is is_installed
    assert ("TensorFlow has no wheels for 3.14" in done.stdout) is not is_installed


def test_up_installs_full_training_where_it_is_configured() -> None:
    assert "requirements-full.txt" in "".join(planned("up", "-B", "PNEUMO_TRAINER_WEIGHTS=a.h5"))
    assert "requirements-full.txt" not in "".join(planned("up", "-B"))


def test_a_moved_clone_has_its_packages_and_scripts_mended_once(clone: Path) -> None:
    binaries = clone / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("requirements.txt", "requirements-installer.txt"):
        (clone / name).touch()
    (binaries / "python").write_text('#!/bin/sh\necho "$*" >> calls\n')
    (binaries / "python").chmod(0o755)
    (binaries / "ruff").write_text("#!/old/clone/.venv/bin/python\nimport ruff\n")
    (clone / ".venv" / ".installed").touch()
    (clone / ".venv" / ".folder").write_text("/old/clone\n")
    for _ in range(2):
        subprocess.run(["make", "install"], cwd=clone, env=shell(), check=True, capture_output=True)
    calls = (clone / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert "--no-deps --no-build-isolation" in calls[0]
    assert (binaries / "ruff").read_text().startswith(f"#!{clone}/.venv/bin/python\n")
    assert (clone / ".venv" / ".folder").read_text() == f"{clone}\n"


def test_compose_without_docker_is_one_sentence(clone: Path) -> None:
    done = subprocess.run(
        ["make", "compose-up", "DOCKER=docker-that-is-missing"],
        cwd=clone,
        env=shell(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == "Docker is not on PATH: install it, or use make up, which needs none.\n"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ([], ".venv/bin/python -m embedded up"),
        (["BACKGROUND=0"], ".venv/bin/python -m embedded up"),
        (["BACKGROUND=1"], ".venv/bin/python -m embedded up --background"),
    ],
)
def test_background_is_passed_to_up(variables: list[str], line: str) -> None:
    assert planned("up", *variables)[-1].rstrip() == line


def test_help_lists_every_described_target_under_its_group() -> None:
    done = subprocess.run(
        ["make", "help"],
        cwd=MAKEFILE.parent,
        env=shell(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    groups = [line for line in lines if line and not line.startswith("  ")]
    assert groups[:3] == ["run", "operate", "measure and train"]
    assert lines.index("run") < lines.index(groups[1])
    targets = [line.split()[1] for line in lines if line.startswith("  make ")]
    assert {"up", "backup", "soak", "k8s-check", "docs"} <= {*targets}
    up, operate = (
        next(at for at, line in enumerate(lines) if line.startswith(start))
        for start in ("  make up ", "operate")
    )
    assert lines.index("run") < up < operate


def test_backup_and_restore_use_what_the_stack_was_started_with() -> None:
    assert (
        planned("backup", "TO=a b")[-1] == '.venv/bin/python -m embedded exec registry backup "a b"'
    )
    assert (
        planned("restore", "FROM=a")[-1] == '.venv/bin/python -m embedded exec registry restore "a"'
    )


def planned(*words: str) -> list[str]:
    """What make would do in this clone, without doing it."""
    done = subprocess.run(
        ["make", "--dry-run", *words],
        cwd=MAKEFILE.parent,
        env=shell(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()
