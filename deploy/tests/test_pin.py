"""Images of others are found wherever they are named, and pinned without losing their tags."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def pin():
    spec = importlib.util.spec_from_file_location("pin", ROOT / "deploy" / "pin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(pin, tmp_path):
    for place in (*pin.IMAGES, pin.ACTIONS):
        for path in ROOT.glob(place):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return tmp_path


def images_of_others(root):
    """Give every image that a compose file or a manifest names and that is not ours."""
    for path in (root / "docker-compose.yml", *(root / "deploy/compose").glob("*.yml")):
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", path.read_text())
        for service in yaml.safe_load(re.sub(r"\$\{[^}]*\}", "given", text))["services"].values():
            yield service.get("image", "pneumostream")
    for path in (root / "deploy/k8s").rglob("*.yaml"):
        yield from re.findall(r"image: (\S+)", path.read_text())


def test_every_action_is_pinned_by_commit_and_says_its_version(pin):
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    uses = re.findall(r"uses: .*", text)
    assert uses
    for line in uses:
        assert re.fullmatch(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_a_digest_is_written_beside_every_tag_and_nothing_else_changes(pin, tree):
    wanted = {
        each.partition("@")[0] for each in images_of_others(ROOT) if "pneumostream" not in each
    }
    assert len(wanted) > 4
    digests = pin.write_digests(tree, lambda _: DIGEST)
    assert wanted <= set(digests)
    assert pin.unpinned(tree) == []
    for place in pin.IMAGES:
        for path in tree.glob(place):
            before = (ROOT / path.relative_to(tree)).read_text()
            assert path.read_text().replace(f"@{DIGEST}", "") == re.sub(r"@sha256:\w+", "", before)
    for image in images_of_others(tree):
        assert "pneumostream" in image or image.endswith(f"@{DIGEST}"), image
    # Once more changes nothing, and a new digest replaces the old one.
    other = DIGEST.replace("0", "f")
    pin.write_digests(tree, lambda _: other)
    assert DIGEST not in (tree / "docker-compose.yml").read_text()


def test_what_is_not_pinned_is_named_with_its_file(pin, tree):
    pin.write_digests(tree, lambda _: DIGEST)
    compose = tree / "docker-compose.yml"
    compose.write_text(
        compose.read_text().replace(f"apache/kafka:4.1.1@{DIGEST}", "apache/kafka:4.1.1")
    )
    workflow = next(tree.glob(pin.ACTIONS))
    workflow.write_text(workflow.read_text() + "# uses: actions/cache@v4\n")
    assert pin.unpinned(tree) == [
        ".github/workflows/ci.yml: actions/cache@v4",
        "docker-compose.yml: apache/kafka:4.1.1",
    ]


def test_a_digest_that_cannot_be_had_changes_no_file(pin, tree):
    before = (tree / "docker-compose.yml").read_text()

    def unreachable(image):
        if "prom" in image:
            raise pin.PinError("no network")
        return DIGEST

    with pytest.raises(pin.PinError):
        pin.write_digests(tree, unreachable)
    assert (tree / "docker-compose.yml").read_text() == before


def test_what_docker_cannot_resolve_is_one_sentence(pin, monkeypatch):
    monkeypatch.setenv("DOCKER", "/no/such/docker")
    with pytest.raises(pin.PinError, match="cannot be started"):
        pin.digest_by_docker("apache/kafka:4.1.1")
    monkeypatch.setenv("DOCKER", "false")
    with pytest.raises(pin.PinError, match="is unknown"):
        pin.digest_by_docker("apache/kafka:4.1.1")
