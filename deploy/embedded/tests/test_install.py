"""What installs the packages: uv with pip's configuration, pip where uv cannot."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
SERVING = (
    *("gateway.main.serving", "inference_worker.main.worker", "registry.main.serving"),
    *("trainer.__main__", "trainer.main.serving", "trainer.main.fast", "trainer.main.job"),
    *("embedded.__main__", "operations.__main__", "pneumo.__main__", "ui.screens.predict"),
)
ONLY_FULL = ("tensorflow", "keras", "nncf", "matplotlib")
PYTHONS = ("3.11", "3.12", "3.13")
PROMISED = [("requirements.txt", python) for python in (*PYTHONS, "3.14")] + [
    (file, python)
    for file in ("requirements-full.txt", "requirements-dev.txt")
    for python in PYTHONS
]


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "deploy" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pips_settings_are_read_in_its_own_order(install: ModuleType) -> None:
    text = (
        "global.index-url='https://all.example/simple'\nglobal.timeout='9'\n"
        "install.index-url='https://installing.example/simple'\ndownload.index-url='no'\n"
        ":env:.extra-index-url='https://a.example https://b.example'\n:env:.no_index='1'\n"
    )
    assert install.parse_pip_config(text) == {
        "index-url": "https://installing.example/simple",
        "timeout": "9",
        "extra-index-url": "https://a.example https://b.example",
        "no-index": "1",
    }


def test_uv_is_given_pips_index_certificate_and_links(install: ModuleType, tmp_path: Path) -> None:
    pip = {
        "index-url": "https://mirror.example/simple",
        "cert": "/certificates.pem",
        "find-links": f"{tmp_path} /nowhere https://links.example",
        "no-cache-dir": "true",
    }
    given = install.to_uv_environment(pip, {"UV_DEFAULT_INDEX": "https://own.example", "HOME": "/"})
    assert given["UV_DEFAULT_INDEX"] == "https://own.example"
    assert given["SSL_CERT_FILE"] == "/certificates.pem"
    assert given["UV_FIND_LINKS"] == f"{tmp_path},https://links.example"
    assert given["HOME"] == "/"


def stand_in(folder: Path, *, failing: str) -> Path:
    """A Python that notes what is run, and fails where a command holds the word."""
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {folder}/calls\ncase " $* " in *" {failing} "*) exit 1;; esac\n'
    )
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(
    ("failing", "calls", "status"),
    [
        ("nothing", ["pip install", "pip config", "uv pip"], 0),
        ("uv", ["pip install", "pip config", "uv pip", "pip install"], 0),
        ("install", ["pip install", "pip install"], 1),
    ],
)
def test_pip_is_asked_where_uv_cannot(
    failing: str, calls: list[str], status: int, tmp_path: Path
) -> None:
    python = stand_in(tmp_path, failing=failing)
    done = subprocess.run(
        [sys.executable, "-c", _WITH.format(python=str(python), root=str(ROOT))],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    made = [line.removeprefix("-m ") for line in (tmp_path / "calls").read_text().splitlines()]
    assert [" ".join(line.split()[:2]) for line in made] == calls
    assert all("--require-hashes" in line for line in made if "config" not in line)
    assert done.returncode == status
    assert ("trying pip" in done.stderr) is (failing != "nothing")


_WITH = """
import runpy, sys
sys.executable = {python!r}
sys.argv = ["install.py", "requirements.txt"]
runpy.run_path({root!r} + "/deploy/install.py", run_name="__main__")
"""


@pytest.mark.parametrize("module", SERVING)
def test_serving_and_fast_training_load_nothing_of_full_training(module: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({ONLY_FULL})); import {module}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("file", "python"), PROMISED)
def test_every_promised_python_has_a_wheel_of_every_locked_package(
    install: ModuleType, file: str, python: str, tmp_path: Path
) -> None:
    config = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    )
    environment = install.to_uv_environment(install.parse_pip_config(config.stdout), os.environ)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--quiet", "--no-config"),
            *("--python-version", python, "--only-binary", ":all:", "--require-hashes"),
            *("--target", tmp_path, "-r", ROOT / file),
        ],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
