"""A public class name is defined once, so that a reader who searches for it finds one thing."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "services", "deploy", "client", "ui", "bench", "load", "grafana", "docsite")
MANY = {"Settings"}
"""Each service has its own."""
MIRRORS = {"client/src/pneumo/models.py", "client/src/pneumo/model_bases.py"}
"""Generated from the API's description, with its names; the client imports no service."""


def find_class_names(root: Path) -> dict[str, list[str]]:
    """Return the files in which each public class is defined, tests aside."""
    found = defaultdict(list)
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if "/tests/" in name or name in MIRRORS:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(name)
    return found


def find_repeated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: paths for name, paths in found.items() if len(paths) > 1 and name not in MANY}


def test_no_public_class_name_is_defined_twice():
    found = find_class_names(ROOT)
    assert len(found) > 500
    assert find_repeated(found) == {}


@pytest.mark.parametrize(
    ("second", "is_repeated"),
    [("class Load: pass", True), ("class _Load: pass", False), ("class Other: pass", False)],
)
def test_a_second_definition_is_found(tmp_path, second, is_repeated):
    for folder, text in (("shared", "class Load: pass"), ("bench", second)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.py").write_text(text)
    assert bool(find_repeated(find_class_names(tmp_path))) is is_repeated
