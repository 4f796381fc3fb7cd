"""What images are made of: files that are there, locked packages, a check that tells the truth."""

import ast
import fnmatch
import http.server
import importlib.metadata
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "docker-compose.yml", *sorted((ROOT / "deploy" / "compose").glob("*.yml"))]
HEALTHY = ROOT / "deploy" / "healthy.py"
ARGUMENT = re.compile(r"\$\{(\w+)\}")
LOCKED = re.compile(r"[a-z0-9][\w.-]*(\[[\w,-]+\])?==\S+")


def builds():
    for path in FILES:
        for name, service in yaml.safe_load(path.read_text())["services"].items():
            if "build" in service:
                yield pytest.param(service["build"], id=name)


BUILDS = list(builds())


def instructions(build, word):
    """Give each instruction's words, with the arguments of this build put in."""
    text = (ROOT / build["dockerfile"]).read_text().replace("\\\n", " ")
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    arguments = defaults | {name: str(value) for name, value in build["args"].items()}
    for line in text.splitlines():
        if line.startswith(f"{word} "):
            yield ARGUMENT.sub(lambda m: arguments.get(m[1], m[0]), line).split()[1:]


def sources(build):
    for words in instructions(build, "COPY"):
        if not any(word.startswith("--from") for word in words):
            yield from words[:-1]


def is_ignored(path: str) -> bool:
    """Tell what .dockerignore says of a path: the last line that speaks of it decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.lstrip("!")
        if not line or line.startswith("#"):
            continue
        spoken = any(
            fnmatch.fnmatch(part, pattern)
            for part in (path, *(str(parent) for parent in Path(path).parents))
        )
        ignored = not line.startswith("!") if spoken else ignored
    return ignored


@pytest.mark.parametrize("build", BUILDS)
def test_what_an_image_copies_is_there_and_reaches_docker(build):
    copied = list(sources(build))
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert not is_ignored(path), path


def test_nothing_but_code_reaches_docker():
    for path in (
        ".git",
        ".env",
        ".venv",
        "models/four-classes",
        "docs",
        ".pneumo",
        "deploy/embedded",
        "tests",
    ):
        assert is_ignored(path), path


@pytest.mark.parametrize("build", BUILDS)
def test_packages_are_locked_by_hash_and_name_no_registry(build):
    (path,) = (path for path in sources(build) if path.endswith("requirements.txt"))
    text = (ROOT / path).read_text()
    assert "://" not in text
    wanted = re.split(r"\n(?=\S)", text.strip())
    for requirement in wanted:
        assert LOCKED.match(requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


@pytest.mark.parametrize("build", BUILDS)
def test_versions_are_those_that_are_tested(build):
    (path,) = (path for path in sources(build) if path.endswith("requirements.txt"))
    locks = {
        "load/requirements.txt": "requirements-dev.txt",
        "services/trainer/requirements.txt": "requirements-full.txt",
    }
    tested = (ROOT / locks.get(path, "requirements.txt")).read_text()
    pins = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", (ROOT / path).read_text(), re.MULTILINE)
    assert pins
    assert [pin for pin in pins if pin not in tested] == []


@pytest.mark.parametrize("build", BUILDS)
def test_an_image_says_what_it_is_and_how_it_is_and_runs_as_nobody_special(build):
    text = (ROOT / build["dockerfile"]).read_text()
    # What builds stays behind: no other stage stands on it.
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE).count("${PYTHON_IMAGE}") == 2
    assert "FROM build" not in text
    assert "\nUSER 10001:10001\n" in text
    assert "\nSTOPSIGNAL SIGTERM\n" in text
    assert "\nHEALTHCHECK " in text
    assert "--require-hashes" in text
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in text
    assert {"VERSION", "REVISION", "PYTHON_IMAGE"} <= set(build["args"])


@contextmanager
def answering(status: int):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def checked(port: int) -> int:
    env = os.environ | {"IMAGE_HEALTH": f"{port}/health/ready"}
    return subprocess.run([sys.executable, "-I", "-S", HEALTHY], env=env, check=False).returncode


def test_the_health_check_believes_200_alone():
    with answering(200) as port:
        assert checked(port) == 0
    assert checked(port) == 1  # nobody is there any more
    with answering(503) as port:
        assert checked(port) == 1


# Of shared, who uses it: what draws is an extra, and what tests is in no image.
NOT_IN_IMAGES = ("shared/src/shared/testing/", "shared/src/shared/insights/drawing.py")


def plain(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def locked_in(file: Path) -> set[str]:
    names = re.findall(r"^([\w.-]+)", file.read_text(), re.MULTILINE)
    return {plain(name) for name in names}


def imported(folder: Path):
    """Yield each module's path and the first word of all it cannot be loaded without."""
    for path in folder.glob("src/**/*.py"):
        if str(path.relative_to(ROOT)).startswith(NOT_IN_IMAGES):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                yield from ((path, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield path, str(node.module).partition(".")[0]


@pytest.mark.parametrize("build", [b for b in BUILDS if "FOLDER" in b.values[0]["args"]])
def test_an_image_has_every_package_that_its_code_imports(build):
    folders = [ROOT / build["args"]["FOLDER"], ROOT / build["args"].get("LIBRARY", "shared")]
    locked = locked_in(folders[0] / "requirements.txt")
    own = {path.name for folder in folders for path in (folder / "src").iterdir()}
    named = importlib.metadata.packages_distributions()
    missing = set()
    for path, module in (found for folder in folders for found in imported(folder)):
        if module in own or module in sys.stdlib_module_names:
            continue
        if not {plain(name) for name in named.get(module, ())} & locked:
            missing.add(f"{path.relative_to(ROOT)}: {module}")
    assert missing == set()


# Imports every module of a package, where the modules that are named cannot be found.
AS_IN_THE_IMAGE = """
import importlib, pkgutil, sys

package, lacking = sys.argv[1], set(sys.argv[2:])

class Image:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)

sys.meta_path.insert(0, Image())
importlib.import_module(package)
for module in pkgutil.walk_packages(sys.modules[package].__path__, f"{package}."):
    if not module.name.endswith(("__main__", "ui.app", "migrations.env")):  # they run at once
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("build", [b for b in BUILDS if "FOLDER" in b.values[0]["args"]])
def test_an_image_has_every_package_that_its_imports_import(build):
    folders = [ROOT / build["args"]["FOLDER"], ROOT / build["args"].get("LIBRARY", "shared")]
    locked = locked_in(folders[0] / "requirements.txt")
    own = {path.name for folder in folders for path in (folder / "src").iterdir()}
    named = importlib.metadata.packages_distributions()
    lacking = {
        module for module, names in named.items() if not {plain(name) for name in names} & locked
    }
    command = [sys.executable, "-c", AS_IN_THE_IMAGE, build["args"]["PACKAGE"], *(lacking - own)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
