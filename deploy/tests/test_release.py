"""The version is one, and a release leaves behind what later versions are tried against."""

import importlib.util
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DAY = date(2026, 12, 1)
RELEASED = "## [0.1.0] - 2026-11-27\n- Old.\n"


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "deploy" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path):
    """A small repository of the same shape, with one commit."""
    files = {
        "VERSION": "0.1.0\n",
        "CHANGELOG.md": f"# Changelog\n\n## [Unreleased]\n\n- New.\n\n{RELEASED}",
        "shared/pyproject.toml": '[project]\nname = "shared"\nversion = "0.1.0"\n',
        "shared/src/shared/__init__.py": '"""Shared."""\n',
        "shared/tests/golden/message.1.json": "{}",
        "services/gateway/pyproject.toml": '[project]\nversion = "0.1.0"\nrequires = ">=9"\n',
        "services/gateway/src/gateway/__init__.py": '"""Gateway."""\n',
        "deploy/k8s/overlays/try/kustomization.yaml": 'images:\n  - { newTag: "0.1.0" }\n',
        "docker-compose.yml": "image: gateway:${PNEUMO_VERSION:-0.1.0}\n",
        "tests/releases/README.md": "Sources of what was released.\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "All"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_everything_here_is_of_one_version(release):
    assert release.stale(ROOT) == []
    assert len(list(release.repeats(ROOT))) > 8


def test_preparing_writes_the_version_wherever_it_is_repeated(release, tree):
    release.prepare(tree, "0.2.0", DAY)
    assert release.read_version(tree) == "0.2.0"
    assert release.stale(tree) == []
    assert (tree / "services/gateway/pyproject.toml").read_text().endswith('requires = ">=9"\n')
    assert 'newTag: "0.2.0"' in (tree / "deploy/k8s/overlays/try/kustomization.yaml").read_text()


def test_what_was_unreleased_is_of_the_version_then(release, tree):
    release.prepare(tree, "0.2.0", DAY)
    expected = "## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n- New.\n\n## [0.1.0] - 2026-11-27"
    assert expected in (tree / "CHANGELOG.md").read_text()


def test_messages_and_sources_are_kept_for_later_versions(release, tree):
    (tree / "shared/src/shared/left_over.pyc").write_bytes(b"not committed, but ignored")
    (tree / ".git/info/exclude").write_text("*.pyc\n")
    release.prepare(tree, "0.2.0", DAY)
    assert (tree / "shared/tests/golden/released/0.2.0/message.1.json").read_text() == "{}"
    with zipfile.ZipFile(tree / "tests/releases/pneumostream-0.2.0.zip") as archive:
        assert archive.namelist() == [
            "services/gateway/src/gateway/__init__.py",
            "shared/src/shared/__init__.py",
        ]


@pytest.mark.parametrize(
    ("version", "spoil", "said"),
    [
        ("0.2", {}, "no version"),
        ("0.2.0", {"VERSION": "0.1.1\n"}, "not committed"),
    ],
)
def test_a_release_that_cannot_be_is_refused_in_a_sentence(release, tree, version, spoil, said):
    for name, text in spoil.items():
        (tree / name).write_text(text)
    before = (tree / "CHANGELOG.md").read_text()
    with pytest.raises(release.ReleaseError, match=said):
        release.prepare(tree, version, DAY)
    assert (tree / "CHANGELOG.md").read_text() == before


def test_a_changelog_without_news_is_no_release(release):
    with pytest.raises(release.ReleaseError, match="nothing under"):
        release.close_changelog(
            "## [Unreleased]\n\n## [0.1.0] - 2026-11-27\n- Old.\n", "0.2.0", DAY
        )


def test_a_member_of_another_version_is_found_out_before_anything_is_built(release, tree):
    (tree / "shared/pyproject.toml").write_text('version = "0.0.9"\n')
    with pytest.raises(release.ReleaseError, match=r"shared/pyproject\.toml"):
        release.build(tree)
