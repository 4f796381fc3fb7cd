"""`python deploy/pin.py`: images of others by digest, CI actions by commit, beside their tags.

check           name what a tag alone selects, exit 1 if there is any
write           resolve each tag and write its digest into the files; needs the container registries
                and `docker buildx`. DOCKER names another command.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_REFERENCE = r"(?P<tagged>[\w./-]+:v?\d[\w.-]*)(?P<digest>@sha256:[0-9a-f]{64})?"
IMAGES = {
    "docker-compose.yml": re.compile(rf"\$\{{\w+_IMAGE:-{_REFERENCE}\}}"),
    "deploy/compose/*.yml": re.compile(rf"\$\{{\w+_IMAGE:-{_REFERENCE}\}}"),
    "deploy/Dockerfile": re.compile(rf"^ARG \w+_IMAGE={_REFERENCE}$", re.MULTILINE),
    "load/Dockerfile": re.compile(rf"^ARG \w+_IMAGE={_REFERENCE}$", re.MULTILINE),
    "deploy/k8s/components/*/*.yaml": re.compile(rf"^ +image: {_REFERENCE}$", re.MULTILINE),
}
"""Where images of others are named. Our own are built from the tree, and carry its version."""
ACTIONS = ".github/workflows/*.yml"
_ACTION = re.compile(r"\buses: (\S+)")
_COMMIT = re.compile(r"@[0-9a-f]{40}$")

Resolve = Callable[[str], str]


class PinError(Exception):
    """Why a digest is unknown, in one sentence."""


def _images(root: Path) -> Iterator[tuple[Path, re.Pattern[str]]]:
    for place, pattern in IMAGES.items():
        for path in sorted(root.glob(place)):
            yield path, pattern


def unpinned(root: Path) -> list[str]:
    """Name each image without a digest and each action without a commit, with its file."""
    found = {
        f"{path.relative_to(root)}: {match['tagged']}"
        for path, pattern in _images(root)
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
        if not match["digest"]
    }
    found |= {
        f"{path.relative_to(root)}: {action}"
        for path in root.glob(ACTIONS)
        for action in _ACTION.findall(path.read_text(encoding="utf-8"))
        if not _COMMIT.search(action)
    }
    return sorted(found)


def write_digests(root: Path, resolve: Resolve) -> dict[str, str]:
    """Write the digest behind each image's tag, and return them. Raises PinError."""
    texts = {path: (path.read_text(encoding="utf-8"), pattern) for path, pattern in _images(root)}
    tagged = {
        match["tagged"] for text, pattern in texts.values() for match in pattern.finditer(text)
    }
    digests = {image: resolve(image) for image in sorted(tagged)}
    for path, (text, pattern) in texts.items():
        path.write_text(pattern.sub(lambda found: _with_digest(found, digests), text), "utf-8")
    return digests


def _with_digest(found: re.Match[str], digests: dict[str, str]) -> str:
    start = found.start("tagged") - found.start()
    end = start + len(found["tagged"]) + len(found["digest"] or "")
    whole = found.group()
    return f"{whole[:start]}{found['tagged']}@{digests[found['tagged']]}{whole[end:]}"


def digest_by_docker(image: str) -> str:
    """Ask the image's registry for the digest of its index. Raises PinError."""
    docker = shlex.split(os.environ.get("DOCKER", "docker"))
    command = [
        *docker,
        "buildx",
        "imagetools",
        "inspect",
        "--format",
        "{{.Manifest.Digest}}",
        image,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PinError(f"{docker[0]} cannot be started: {error.strerror}.") from None
    digest = done.stdout.strip()
    if done.returncode or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise PinError(f"The digest of {image} is unknown: {lines[-1] if lines else 'no answer'}")
    return digest


def main(arguments: list[str]) -> int:
    """Check or write; 1, and what is wrong, if something is not pinned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("check", "write"))
    if parser.parse_args(arguments).command == "write":
        try:
            for image, digest in write_digests(ROOT, digest_by_docker).items():
                print(f"{image}@{digest}")
        except PinError as error:
            print(f"pin: {error}", file=sys.stderr)
            return 1
    missing = unpinned(ROOT)
    print("\n".join(f"not pinned: {each}" for each in missing) or "All pinned.")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
