import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from registry.adapters.publisher_memory import MemoryBroker
from registry.settings import Settings
from shared.contracts.models import ModelPromoted, ModelRecord
from shared.testing.bundles import default_files, manifest_bytes, new_manifest, sha256_hex

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]
ProblemOf = Callable[[httpx.Response], tuple[int, str]]


async def _events(broker: MemoryBroker, count: int) -> list[ModelPromoted]:
    async with asyncio.timeout(10):
        while len(broker.records) < count:
            await asyncio.sleep(0.01)
    assert {(topic, key) for topic, key, _ in broker.records} <= {
        ("test.models.events", "chest-xray")
    }
    return [ModelPromoted.model_validate_json(value or b"") for _, _, value in broker.records]


async def test_a_model_is_uploaded_registered_promoted_announced_and_rolled_back(
    registry: Registry, add_model: AddModel, broker: MemoryBroker, problem_of: ProblemOf
) -> None:
    """The typical journey: the file to open first."""
    async with registry() as http:
        assert problem_of(await http.get("/v1/models/current")) == (404, "not_found")

        registered = await add_model(http, "v1")
        assert registered.status_code == 201
        record = ModelRecord.model_validate_json(registered.content)
        assert (record.state, record.promoted_at_ms) == ("candidate", None)

        promoted = ModelRecord.model_validate_json((await http.post(_promote("v1"))).content)
        assert promoted.state == "current"
        assert (await http.get("/v1/models/current")).json()["version"] == "v1"

        await add_model(http, "v2")
        await http.post(_promote("v2"))
        states = {m["version"]: m["state"] for m in (await http.get("/v1/models")).json()["models"]}
        assert states == {"v1": "retired", "v2": "current"}

        back = await http.post("/v1/models/rollback", params={"from_version": "v2"})
        assert (back.status_code, back.json()["version"]) == (200, "v1")
        assert (await http.get("/v1/models/v2")).json()["state"] == "retired"

        events = await _events(broker, 3)
    assert [event.version for event in events] == ["v1", "v2", "v1"]
    assert events[0].bundle_sha256 == record.bundle_sha256
    times = [event.promoted_at_ms for event in events]
    assert times == sorted(set(times))


def _promote(version: str) -> str:
    return f"/v1/models/{version}/promote"


async def test_repeated_requests_change_nothing(
    registry: Registry, add_model: AddModel, broker: MemoryBroker, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        first = await add_model(http, "v1")
        again = await add_model(http, "v1")
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()

        promoted = [(await http.post(_promote("v1"))).json() for _ in range(3)]
        assert promoted[0] == promoted[1] == promoted[2]

        await add_model(http, "v2")
        await http.post(_promote("v2"))
        await _events(broker, 2)
        back = [await http.post("/v1/models/rollback?from_version=v2") for _ in range(2)]
        assert back[0].status_code == 200
        assert problem_of(back[1]) == (409, "conflict")
        assert len(await _events(broker, 3)) == 3


async def test_the_current_model_promoted_again_is_announced_as_a_later_promotion(
    registry: Registry, add_model: AddModel, broker: MemoryBroker
) -> None:
    async with registry() as http:
        for version in ("v1", "v2"):
            await add_model(http, version)
            await http.post(_promote(version))
        again = (await http.post(f"{_promote('v2')}?again=true")).json()
        first, second, third = await _events(broker, 3)
        assert (first.version, second.version, third.version) == ("v1", "v2", "v2")
        assert third.promoted_at_ms == again["promoted_at_ms"] > second.promoted_at_ms
        back = await http.post("/v1/models/rollback?from_version=v2")
        assert back.json()["version"] == "v1"


async def test_concurrent_promotions_of_one_model_are_one(
    registry: Registry, add_model: AddModel, broker: MemoryBroker
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
        answers = await asyncio.gather(*(http.post(_promote("v1")) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        await _events(broker, 1)
        await asyncio.sleep(0.05)
        assert len(broker.records) == 1


async def test_another_manifest_under_the_same_version_is_a_conflict(
    registry: Registry, add_model: AddModel, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
        other = manifest_bytes(new_manifest(default_files("v1"), classes=("a", "b")))
        assert problem_of(await http.post("/v1/models", content=other)) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (422, "invalid_manifest")),
        (b"\xff\xfe", (422, "invalid_manifest")),
        (b'{"name": "../../etc"}', (422, "invalid_manifest")),
        (b"x" * (1024 * 1024 + 1), (413, "too_large")),
        (
            manifest_bytes(new_manifest({"model.xml": b"never uploaded"})),
            (409, "missing_artifacts"),
        ),
    ],
)
async def test_a_manifest_that_cannot_be_registered_is_refused(
    registry: Registry, body: bytes, expected: tuple[int, str], problem_of: ProblemOf
) -> None:
    async with registry() as http:
        assert problem_of(await http.post("/v1/models", content=body)) == expected
        assert (await http.get("/v1/models")).json() == {"models": []}


async def test_a_manifest_without_a_declared_length_is_bounded_too(
    registry: Registry, problem_of: ProblemOf
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 64 * 1024

    async with registry() as http:
        refused = await http.post("/v1/models", content=endless())
    assert problem_of(refused) == (413, "too_large")


async def test_artifacts_are_checked_while_they_stream(
    registry: Registry, settings: Settings, problem_of: ProblemOf
) -> None:
    content = b"weights" * 1000
    path = f"/v1/artifacts/{sha256_hex(content)}"

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"w" * 64 * 1024

    async with registry() as http:
        created = await http.put(path, content=content)
        again = await http.put(path, content=content)
        assert (created.status_code, again.status_code) == (201, 200)
        assert created.json() == {"sha256": sha256_hex(content), "size_bytes": len(content)}

        other = f"/v1/artifacts/{sha256_hex(b'other')}"
        assert problem_of(await http.put(other, content=content)) == (422, "checksum_mismatch")
        too_large = (413, "too_large")
        assert problem_of(await http.put(other, content=b"w" * 1024 * 1025)) == too_large
        assert problem_of(await http.put(other, content=pieces(17))) == too_large
        malformed = (400, "malformed_request")
        for bad in ("abc", sha256_hex(b"").upper(), "..%2F..%2Fetc%2Fpasswd"):
            status, _ = problem_of(await http.put(f"/v1/artifacts/{bad}", content=b""))
            assert status in (400, 404)
        assert problem_of(await http.put("/v1/artifacts/abc", content=b"")) == malformed
    stored = [p.name for p in (settings.data_dir / "artifacts").rglob("*") if p.is_file()]
    assert stored == [sha256_hex(content)]


async def test_refusals_of_promotion_and_rollback(
    registry: Registry, add_model: AddModel, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        assert problem_of(await http.post(_promote("v1"))) == (404, "not_found")
        assert problem_of(await http.post("/v1/models/rollback")) == (409, "conflict")
        await add_model(http, "v1")
        await http.post(_promote("v1"))
        assert problem_of(await http.post("/v1/models/rollback")) == (409, "conflict")
        assert problem_of(await http.put("/v1/models/v1")) == (405, "method_not_allowed")


async def test_it_is_ready_and_serves_with_the_broker_away(
    registry: Registry, add_model: AddModel, broker: MemoryBroker
) -> None:
    broker.is_reachable = False
    async with registry() as http:
        await add_model(http, "v1")
        assert (await http.post(_promote("v1"))).status_code == 200
        assert (await http.get("/health/live")).status_code == 200
        ready = await http.get("/health/ready")
        assert ready.json() == {
            "status": "ready",
            "checks": {"database": True, "artifacts": True},
            "dependencies": {"database": True, "artifacts": True},
        }
        assert "pneumo_registry_outbox_unsent" in (await http.get("/metrics")).text
        broker.is_reachable = True
        assert [event.version for event in await _events(broker, 1)] == ["v1"]


async def test_what_fails_is_logged_under_the_id_that_is_answered_and_the_job_it_concerns(
    registry: Registry, settings: Settings
) -> None:
    job = "01a21ad7-c9ee-75ec-a5fb-9e58b8cf869a"
    async with registry() as http:
        _break(settings.data_dir / "registry.db")
        with capture_logs(processors=[merge_contextvars]) as lines:
            answer = await http.post(f"/v1/jobs/{job}/cancel")
    (line,) = [line for line in lines if line["event"] == "request failed"]
    assert (line["request_id"], line["job_id"]) == (answer.json()["id"], job)


async def test_it_stays_and_says_so_while_storage_is_gone(
    registry: Registry, settings: Settings, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        _break(settings.data_dir / "registry.db")
        (settings.data_dir / "artifacts" / ".incoming").rmdir()
        assert problem_of(await http.get("/v1/models")) == (503, "storage_unavailable")
        upload = await http.put(f"/v1/artifacts/{sha256_hex(b'')}", content=b"")
        assert problem_of(upload) == (503, "storage_unavailable")
        async with asyncio.timeout(10):
            while any((ready := await http.get("/health/ready")).json()["dependencies"].values()):
                await asyncio.sleep(0.05)
    # Its answers say what is wrong; a Service without any registry says nothing.
    assert ready.status_code == 200
    assert ready.json()["dependencies"] == {"database": False, "artifacts": False}


def _break(database: Path) -> None:
    import sqlite3  # noqa: PLC0415  only here, where something else writes to the database

    connection = sqlite3.connect(database)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("DROP TABLE models")
    connection.execute("DROP TABLE jobs")
    connection.execute("DROP TABLE outbox")
    connection.close()


async def test_every_route_is_documented(registry: Registry) -> None:
    async with registry() as http:
        described = (await http.get("/openapi.json")).json()
    paths = described["paths"]
    named = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described))
    assert set(named) <= set(described["components"]["schemas"])
    assert {
        "/v1/models",
        "/v1/models/current",
        "/v1/models/{version}",
        "/v1/models/{version}/files/{name}",
        "/v1/models/{version}/promote",
        "/v1/models/rollback",
        "/v1/artifacts/{sha256}",
        "/v1/jobs",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/cancel",
        "/v1/jobs/{id}/lease",
        "/v1/jobs/{id}/report",
        "/v1/jobs/{id}/outcome",
        "/v1/dataset",
        "/v1/dataset/snapshot",
        "/v1/dataset/images",
        "/v1/dataset/images/{sha256}",
        "/v1/dataset/images/{sha256}/content",
        "/v1/dataset/images/{sha256}/audit",
    } <= set(paths)
