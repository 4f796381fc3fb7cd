"""The server dry run of every overlay: its verdict, and that it leaves nothing behind."""

import importlib.util
import shlex
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
STAND_IN = """
import pathlib, sys
words = sys.argv[3:]
pathlib.Path(sys.argv[1]).open("a").write(" ".join(words) + "\\n")
refused = sys.argv[2]
if words[0] == "get" and "--raw" in words and refused == "all":
    sys.exit("The connection to the server was refused")
if words[:2] == ["get", "namespace"]:
    sys.exit(1)
if words[0] == "apply":
    print("service/gateway created (server dry run)")
    if words[-1].endswith("/" + refused):
        sys.exit('error: resource mapping not found: no matches for kind "Kafka"')
"""


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check", HERE / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """Put a stand-in for kubectl in place; what it was asked is in the file that this gives."""
    (tmp_path / "kubectl.py").write_text(STAND_IN)
    asked = tmp_path / "asked"

    def install(refused):
        command = [sys.executable, str(tmp_path / "kubectl.py"), str(asked), refused]
        monkeypatch.setenv("KUBECTL", shlex.join(command))
        return asked

    return install


def test_every_overlay_is_tried_and_no_namespace_stays_behind(check, kubectl, capsys):
    asked = kubectl("none")
    assert check.main() == 0
    said = asked.read_text()
    for overlay in (HERE / "overlays").iterdir():
        assert f"apply --dry-run=server -k {overlay}\n" in said
    assert said.count("create namespace") == said.count("delete namespace") == 3


def test_what_is_refused_is_said_and_fails(check, kubectl, capsys):
    kubectl("production")
    assert check.main() == check.REFUSED
    said = capsys.readouterr().out
    assert 'production: error: resource mapping not found: no matches for kind "Kafka"' in said
    assert "lacks definitions" in said


def test_without_a_cluster_nothing_is_called_checked(check, kubectl, capsys):
    kubectl("all")
    assert check.main() == check.NO_CLUSTER
    said = capsys.readouterr()
    assert "nothing was checked" in said.err
    assert "accepted" not in said.out
