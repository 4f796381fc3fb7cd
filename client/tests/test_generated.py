"""Generated files are fresh, and the generator keeps what readers of responses rely on."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from pneumo import AsyncClient, Client, models

CLIENT = Path(__file__).parents[1]
OPENAPI = json.loads((CLIENT.parent / "docs" / "reference" / "openapi.json").read_text())
GENERATED = ("client.py", "base_client.py", "models.py")


@pytest.fixture
def response_models(monkeypatch):
    monkeypatch.syspath_prepend(CLIENT)
    return importlib.import_module("response_models")


def test_generated_files_are_fresh_and_say_so():
    command = [sys.executable, CLIENT / "generate.py", "check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for name in GENERATED:
        assert "do not edit" in (CLIENT / "src" / "pneumo" / name).read_text()[:200]


def test_both_clients_have_the_same_methods():
    assert {name for name in vars(Client) if not name.startswith("_")} == {
        name for name in vars(AsyncClient) if not name.startswith("_")
    }


def test_a_field_that_the_schema_no_longer_has_stops_the_generator(response_models):
    schemas = {**OPENAPI["components"]["schemas"]}
    del schemas["DeletedImages"]
    with pytest.raises(KeyError, match="DeletedImages"):
        response_models.render({"components": {"schemas": schemas}})
    figures = OPENAPI["components"]["schemas"]["EpochFigures"]
    properties = {name: each for name, each in figures["properties"].items() if name != "loss"}
    schemas = {**OPENAPI["components"]["schemas"], "EpochFigures": {"properties": properties}}
    with pytest.raises(KeyError, match="loss"):
        response_models.render({"components": {"schemas": schemas}})


def test_every_field_of_a_schema_is_read_or_left_out_on_purpose(response_models):
    for name, source in response_models.MODELS.items():
        model: type[BaseModel] = getattr(models, name)
        for schema in source.schemas:
            fields = set(OPENAPI["components"]["schemas"][schema]["properties"])
            missing = fields - set(model.model_fields) - set(source.omitted)
            assert not missing, f"{name} lacks {missing}"


def test_a_newer_gateway_can_be_read():
    job = models.Job.model_validate(
        {"id": "j", "mode": "slow", "policy": "auto", "seed": 0, "state": "paused"}
        | {"requested_at_ms": 1, "updated_at_ms": 1, "progress": 1.5, "new_field": {}}
    )
    assert (job.state, job.has_ended) == ("paused", False)
