"""`pneumo dataset …` against a scripted gateway."""

import io
import json

import httpx
import pytest

from pneumo import Client, ImageFilter
from pneumo.cli.address import Address
from pneumo.cli.app import new_app

IMAGE = {
    "sha256": "ab" * 32,
    "label": "NORMAL",
    "source": "ui",
    "content_type": "image/jpeg",
    "size_bytes": 1,
    "created_at_ms": 1,
    "conflict": ["viral"],
    "upload_id": "u-1",
}


@pytest.fixture
def gateway(monkeypatch):
    """Give a list of what was asked; two images in two pages, and three deletions in two steps."""
    asked = []

    def answer(request):
        asked.append((request.method, request.url.path, dict(request.url.params)))
        if request.method == "DELETE":
            left = 0 if sum(method == "DELETE" for method, *_ in asked) > 1 else 1
            return httpx.Response(200, json={"deleted": 2 - (left == 0), "left": left})
        if request.method == "PATCH":
            return httpx.Response(200, json=IMAGE | json.loads(request.content))
        if request.url.path == "/v1/dataset":
            counts = {"total": 1, "by_class": {}, "by_source": {}, "conflicts": 0}
            return httpx.Response(200, json=counts)
        cursor = None if "cursor" in request.url.params else "1-ab"
        return httpx.Response(200, json={"images": [IMAGE], "next": cursor})

    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(Address, "client", lambda _: Client("http://gateway", transport=transport))
    return asked


def run(*line):
    with pytest.raises(SystemExit) as ended:
        new_app()(list(line))
    return ended.value.code


def test_the_list_follows_pages_and_passes_every_filter(gateway, capfd):
    line = "dataset list --label NORMAL --source ui --upload u-1 --conflict --json"
    assert run(*line.split()) == 0
    assert len(json.loads(capfd.readouterr().out)) == 2
    assert gateway[0][2] == {
        "label": "NORMAL",
        "source": "ui",
        "upload": "u-1",
        "conflict": "true",
        "limit": "100",
    }
    assert gateway[1][2]["cursor"] == "1-ab"


def test_without_a_subcommand_images_are_counted(gateway, capfd):
    assert run("dataset", "--json") == 0
    assert json.loads(capfd.readouterr().out)["total"] == 1
    assert [path for _, path, _ in gateway] == ["/v1/dataset"]


def test_the_list_ends_at_its_limit(gateway, capfd):
    assert run("dataset", "list", "--limit", "1") == 0
    told = capfd.readouterr()
    assert "viral" in told.out
    assert "--limit" in told.err
    assert len(gateway) == 1


def test_a_label_is_corrected(gateway, capfd):
    assert run("dataset", "relabel", "ab" * 32, "viral") == 0
    assert gateway[0][:2] == ("PATCH", f"/v1/dataset/images/{'ab' * 32}")
    assert "viral" in capfd.readouterr().err


def test_an_upload_is_deleted_only_when_it_was_meant(gateway, monkeypatch, capfd):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("dataset", "delete", "--upload", "u-1") != 0
    assert not any(method == "DELETE" for method, *_ in gateway)

    assert run("dataset", "delete", "--upload", "u-1", "--yes") == 0
    deletions = [params for method, _, params in gateway if method == "DELETE"]
    assert deletions == [{"upload": "u-1"}] * 2
    assert "3 deleted" in capfd.readouterr().err


@pytest.mark.parametrize("line", ["", "x --upload u-1"])
def test_what_is_deleted_must_be_named_once(gateway, line):
    assert run("dataset", "delete", *line.split()) != 0
    assert gateway == []


def test_the_library_refuses_to_delete_everything():
    with Client("http://gateway") as client, pytest.raises(ValueError, match="upload_id"):
        client.delete_images(ImageFilter())
    assert ImageFilter() == ImageFilter(None, None, None, only_conflicts=False)
