"""`python deploy/release.py`: the version in one place (VERSION), and what a release leaves behind.

prepare 0.2.0   VERSION and all that repeats it; CHANGELOG's section; what later versions are tried
                against: the messages' golden files and the services' sources. Then commit and tag.
build           dist/: wheels of every member and their sha256. Images: `docker compose build`.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEMBERS = ("shared", "services/*", "deploy/embedded", "deploy/operations", "client", "ui")
COMPOSE_FILES = ("docker-compose.yml", "deploy/compose/tls.yml", "deploy/compose/locust.yml")
"""Whose images have the version for a tag."""
KEPT = ("shared", "services/gateway", "services/inference-worker", "services/registry")
"""Members whose sources are kept: those that run beside another version while one is rolled out."""
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_UNRELEASED = "## [Unreleased]\n"


class ReleaseError(Exception):
    """What stands in a release's way, in one sentence."""


def read_version(root: Path) -> str:
    """Give the version that everything here is of."""
    return (root / "VERSION").read_text(encoding="utf-8").strip()


def repeats(root: Path) -> Iterator[tuple[Path, re.Pattern[str]]]:
    """Give each file that repeats the version, and the pattern whose group is it."""
    for member in MEMBERS:
        for folder in sorted(root.glob(member)):
            yield folder / "pyproject.toml", re.compile(r'^version = "(.+)"$', re.MULTILINE)
    for overlay in sorted((root / "deploy/k8s/overlays").glob("*/kustomization.yaml")):
        yield overlay, re.compile(r'newTag: "(.+?)"')
    for name in COMPOSE_FILES:
        for file in sorted(root.glob(name)):
            yield file, re.compile(r"PNEUMO_VERSION:-(.+?)\}")


def stale(root: Path) -> list[str]:
    """Name the files that say another version than VERSION does, or none."""
    version = read_version(root)
    return [
        str(path.relative_to(root))
        for path, pattern in repeats(root)
        if set(pattern.findall(path.read_text(encoding="utf-8"))) != {version}
    ]


def set_version(root: Path, version: str) -> None:
    """Write the version to VERSION and to all that repeats it."""
    (root / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    for path, pattern in repeats(root):
        text = path.read_text(encoding="utf-8")
        path.write_text(pattern.sub(lambda found: _replaced(found, version), text), "utf-8")


def _replaced(found: re.Match[str], version: str) -> str:
    start = found.start(1) - found.start()
    return found.group()[:start] + version + found.group()[start + len(found.group(1)) :]


def close_changelog(text: str, version: str, day: date) -> str:
    """Give the changelog with what was unreleased under the version. Raises ReleaseError."""
    _, found, rest = text.partition(_UNRELEASED)
    if not found or not rest.split("\n## [", 1)[0].strip():
        raise ReleaseError("CHANGELOG.md has nothing under [Unreleased].")
    return text.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {day.isoformat()}\n", 1)


def keep_messages(root: Path, version: str) -> None:
    """Copy the golden messages to where every later version must read them."""
    golden = root / "shared/tests/golden"
    kept = golden / "released" / version
    kept.mkdir(parents=True)
    for file in golden.glob("*.json"):
        shutil.copy(file, kept / file.name)


def keep_sources(root: Path, version: str) -> None:
    """Keep the sources of the services that a later version is mixed with in the tests."""
    target = root / "tests/releases" / f"pneumostream-{version}.zip"
    listed = _git(root, "ls-files", "-z", *(f"{member}/src" for member in KEPT))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in filter(None, listed.split("\0")):
            # A date of its own for each file would make each archive of the same sources another.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, (root / name).read_bytes())


def prepare(root: Path, version: str, day: date) -> None:
    """Make the tree that is to be tagged. Raises ReleaseError, and changes nothing then."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is no version: write 1.2.3.")
    if (root / "tests/releases" / f"pneumostream-{version}.zip").exists():
        raise ReleaseError(f"{version} was released.")
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("The tree has changes that are not committed.")
    changelog = root / "CHANGELOG.md"
    closed = close_changelog(changelog.read_text(encoding="utf-8"), version, day)
    set_version(root, version)
    changelog.write_text(closed, encoding="utf-8")
    keep_messages(root, version)
    keep_sources(root, version)


def build(root: Path) -> list[Path]:
    """Build the wheels anew into dist/, with SHA256SUMS beside them. Raises ReleaseError."""
    if wrong := stale(root):
        raise ReleaseError(f"Another version than VERSION's is in: {', '.join(wrong)}.")
    if f"## [{read_version(root)}]" not in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise ReleaseError(f"CHANGELOG.md has no section for {read_version(root)}.")
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    members = [str(folder) for member in MEMBERS for folder in sorted(root.glob(member))]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(dist)]
    subprocess.run([*pip, *options, *members], check=True, cwd=root)
    wheels = sorted(dist.glob("*.whl"))
    sums = [f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n" for wheel in wheels]
    (dist / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return wheels


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def main(arguments: list[str]) -> int:
    """Do what is asked; 1, and one sentence, if it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare").add_argument("version")
    commands.add_parser("build")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "prepare":
            prepare(ROOT, chosen.version, datetime.now(UTC).date())
            print(f"Look at it, then: git commit -am 'Release {chosen.version}'; git tag")
        else:
            print("\n".join(str(wheel.relative_to(ROOT)) for wheel in build(ROOT)))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
