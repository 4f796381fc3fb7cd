"""What is made from the code is what the code says."""

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from docsite.asyncapi import asyncapi_document
from docsite.files import REFERENCE, stale, texts, write
from docsite.messages import DESCRIBED
from docsite.settings_page import unexplained
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.dataset import UploadHeaders
from shared.contracts.dead_letters import Attempt, Cause, DeadLetter
from shared.contracts.headers import RequestHeaders
from shared.contracts.topics import ALL_TOPICS

GOLDEN = Path(__file__).parents[2] / "shared" / "tests" / "golden"
TOPICS = {
    "predict.result": "predict.results",
    "train.command": "train.commands",
    "train.event": "train.events",
    "model.promoted": "models.events",
    "worker.status": "workers.status",
}
REQUEST = RequestHeaders(
    id="01a21026-db50-722a-9279-0edd37eea32a",
    deadline_ms=1,
    content_type="image/jpeg",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    redrive_of="another",
    explain="cam",
    warnings=("monochrome1",),
)
RETRY = RequestHeaders(
    **{name: getattr(REQUEST, name) for name in REQUEST.__slots__} | {"not_before_ms": 2}
)
LETTER = DeadLetter(
    RETRY, Cause.INTERNAL, "stack", (Attempt(number=1, at_ms=1, worker="w", error="e"),), 3
)
UPLOAD = UploadHeaders(id="x", label="NORMAL", content_type="image/png", patient="p", source="s")


def test_the_committed_pages_are_up_to_date():
    assert stale() == [], "make reference"


def test_what_is_old_or_missing_is_named_and_put_right(tmp_path):
    folder = shutil.copytree(REFERENCE, tmp_path / "reference")
    (folder / "openapi.json").write_text("{}")
    (folder / "settings.md").unlink()
    assert stale(folder) == ["openapi.json", "settings.md"]
    assert write(folder) == ["openapi.json", "settings.md"]
    assert stale(folder) == []
    assert set(texts()) < {path.name for path in folder.iterdir()}


def test_every_topic_is_described():
    assert tuple(each.topic for each in DESCRIBED) == ALL_TOPICS


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_golden_messages_are_what_the_document_says(golden):
    document = asyncapi_document()
    topic = TOPICS[golden.name.partition(".1")[0]]
    payload = document["components"]["messages"][f"{topic}:Message"]["payload"]
    schema = {**payload, "components": document["components"]}
    check = jsonschema_rs.validator_for(schema)
    body = json.loads(golden.read_bytes())
    check.validate(body)
    del body["id" if "id" in body else "version"]
    assert not check.is_valid(body)


@pytest.mark.parametrize(
    ("topic", "headers"),
    [
        ("predict.requests", REQUEST.to_kafka()),
        ("predict.retry", [*RETRY.to_kafka(), ("attempts", b"[]")]),
        ("predict.dlq", LETTER.to_kafka()),
        ("predict.accepted", AcceptedRequest(REQUEST.id, 1, 2, 3).to_kafka()),
        ("uploads.labelled", UPLOAD.encode()),
    ],
)
def test_headers_on_the_wire_are_those_of_the_document(topic, headers):
    message = asyncapi_document()["components"]["messages"][f"{topic}:Message"]
    values = {name: value.decode() for name, value in headers}
    assert set(values) == set(message["headers"]["properties"])
    jsonschema_rs.validator_for(message["headers"]).validate(values)


def test_every_setting_has_a_meaning():
    assert unexplained() == [], "a docstring below the field says it"
