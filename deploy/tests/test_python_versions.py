"""Makefile, packages and documents name the same versions of Python."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = [
    *ROOT.glob("services/*/pyproject.toml"),
    *ROOT.glob("deploy/*/pyproject.toml"),
    *(ROOT / name / "pyproject.toml" for name in ("shared", "client", "ui")),
]
PAGES = ("README.md", "docs/tutorials/first-prediction.md", "docs/architecture/embedded-stack.md")


@pytest.fixture(scope="module")
def supported() -> tuple[int, int]:
    """First and last minor version that the Makefile takes."""
    found = re.search(
        r"\(3, (\d+)\) <= sys.version_info < \(3, (\d+)\)", (ROOT / "Makefile").read_text()
    )
    return int(found[1]), int(found[2]) - 1


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_a_package_requires_the_versions_that_the_makefile_takes(
    project: Path, supported: tuple[int, int]
) -> None:
    first, last = supported
    required = tomllib.loads(project.read_text())["project"]["requires-python"]
    assert required == f">=3.{first},<3.{last + 1}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_the_versions_that_the_makefile_takes(
    page: str, supported: tuple[int, int]
) -> None:
    first, last = supported
    text = (ROOT / page).read_text()
    assert f"Python 3.{first} to 3.{last}" in text
    assert not re.search(rf"(?:≥|>=) ?3\.{first}", text)
