"""Jobs over HTTP, from the request to the promotion."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from registry.adapters.publisher_memory import MemoryBroker
from registry.settings import Settings
from shared.contracts.train import GateReport, Job, JobOutcome, TrainEvent, TrainModel

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]
Fill = Callable[..., Any]
ProblemOf = Callable[[httpx.Response], tuple[int, str]]

ID = "01234567-89ab-7def-8123-456789abcdef"
JOB = f"/v1/jobs/{ID}"
CLAIM = {"holder": "trainer-1", "ttl_s": 60}
REPORT = {**CLAIM, "state": "running", "phase": "head", "progress": 0.5, "metrics": {"loss": 0.5}}
MALFORMED = (400, "malformed_request")


def outcome(**changes: Any) -> bytes:
    gate = GateReport(accepted=True, checks=(), current_version="v1", images=9)
    told = JobOutcome(holder="trainer-1", state="succeeded", gate=gate, model_version="v2")
    return told.model_copy(update=changes).to_bytes()


REFUSING = GateReport(accepted=False, checks=(), current_version="v1", images=9)
REJECTED = outcome(state="rejected", gate=REFUSING)


async def _records(broker: MemoryBroker, count: int) -> list[tuple[str, str, bytes]]:
    async with asyncio.timeout(10):
        while len(broker.records) < count:
            await asyncio.sleep(0.01)
    return [(topic, key, value or b"") for topic, key, value in broker.records]


async def _ready_to_finish(http: httpx.AsyncClient, fill: Fill, add_model: AddModel) -> None:
    await add_model(http, "v1")
    await http.post("/v1/models/v1/promote")
    await fill(http, 4)
    (await http.post("/v1/jobs", json={"id": ID})).raise_for_status()
    (await http.post(f"{JOB}/lease", json=CLAIM)).raise_for_status()
    await add_model(http, "v2")


async def _states(http: httpx.AsyncClient) -> dict[str, str]:
    return {m["version"]: m["state"] for m in (await http.get("/v1/models")).json()["models"]}


async def test_a_job_is_requested_leased_reported_on_and_promotes_its_model(
    registry: Registry, broker: MemoryBroker, fill: Fill, add_model: AddModel
) -> None:
    """The typical journey: the file to open first."""
    async with registry() as http:
        await _ready_to_finish(http, fill, add_model)
        reported = Job.model_validate_json((await http.put(f"{JOB}/report", json=REPORT)).content)
        assert (reported.state, reported.phase, reported.progress) == ("running", "head", 0.5)
        ended = Job.model_validate_json(
            (await http.post(f"{JOB}/outcome", content=outcome())).content
        )
        assert (ended.state, ended.model_version, ended.attempt) == ("succeeded", "v2", 1)
        assert ended.metrics == {"loss": 0.5}
        assert await _states(http) == {"v1": "retired", "v2": "current"}
        assert (await http.get(JOB)).json() == ended.model_dump(mode="json")
        records = await _records(broker, 6)
    topics = [topic.removeprefix("test.") for topic, _, _ in records]
    assert topics == [
        "models.events",
        "train.commands",
        "train.events",
        "train.events",
        "models.events",
        "train.events",
    ]
    assert {key for topic, key, _ in records if "train" in topic} == {ID}
    assert TrainModel.model_validate_json(records[1][2]).id == ID
    told = [TrainEvent.model_validate_json(v) for topic, _, v in records if "train.events" in topic]
    assert [event.state for event in told] == ["queued", "running", "succeeded"]
    assert told[-1].model_version == "v2"


async def test_the_same_request_is_the_same_job(
    registry: Registry, broker: MemoryBroker, fill: Fill, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await fill(http, 4)
        answers = await asyncio.gather(
            *(http.post("/v1/jobs", json={"id": ID, "seed": 3}) for _ in range(5))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
        assert len({answer.content for answer in answers}) == 1
        other = await http.post("/v1/jobs", json={"id": ID, "seed": 4})
        assert problem_of(other) == (409, "conflict")
        assert len((await http.get("/v1/jobs")).json()["jobs"]) == 1
        await _records(broker, 2)
        await asyncio.sleep(0.05)
        assert len(broker.records) == 2


async def test_with_too_few_data_there_is_no_job_and_it_says_what_is_missing(
    registry: Registry, broker: MemoryBroker, fill: Fill, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await fill(http, 2)
        await fill(http, 1, "COVID")
        refused = await http.post("/v1/jobs", json={"id": ID})
        assert problem_of(refused) == (422, "too_few_data")
        assert "3 new images of at least 4" in refused.json()["detail"]
        assert "1 image of class 'COVID' of at least 2" in refused.json()["detail"]
        assert (await http.get("/v1/jobs")).json() == {"jobs": []}
        await fill(http, 1, "COVID")
        assert (await http.post("/v1/jobs", json={"id": ID})).status_code == 201


async def test_a_rejected_candidate_stays_to_be_looked_at_and_changes_nothing(
    registry: Registry, fill: Fill, add_model: AddModel, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await _ready_to_finish(http, fill, add_model)
        for _ in range(2):
            ended = await http.post(f"{JOB}/outcome", content=REJECTED)
            assert (ended.status_code, ended.json()["state"]) == (200, "rejected")
        assert await _states(http) == {"v1": "current", "v2": "rejected"}
        promoted = await http.post("/v1/models/v2/promote")
        assert problem_of(promoted) == (409, "conflict")
        assert (await http.get("/v1/models/v2/files/model.bin")).status_code == 200
        # Nothing was learned from these images: they still count as new.
        assert (await http.post("/v1/jobs", json={"id": ID[:-1] + "0"})).status_code == 201


async def test_under_the_policy_manual_a_person_promotes(
    registry: Registry, fill: Fill, add_model: AddModel
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
        await http.post("/v1/models/v1/promote")
        await fill(http, 4)
        await http.post("/v1/jobs", json={"id": ID, "policy": "manual"})
        await http.post(f"{JOB}/lease", json=CLAIM)
        await add_model(http, "v2")
        ended = await http.post(f"{JOB}/outcome", content=outcome())
        assert ended.json()["state"] == "succeeded"
        assert await _states(http) == {"v1": "current", "v2": "candidate"}
        await http.post("/v1/models/v2/promote")
        assert await _states(http) == {"v1": "retired", "v2": "current"}


async def test_a_model_that_was_compared_with_another_than_the_current_one_waits(
    registry: Registry, fill: Fill, add_model: AddModel
) -> None:
    async with registry() as http:
        await _ready_to_finish(http, fill, add_model)
        await add_model(http, "v1b")
        await http.post("/v1/models/v1b/promote")
        ended = await http.post(f"{JOB}/outcome", content=outcome())
        assert ended.json()["state"] == "succeeded"
        assert await _states(http) == {"v1": "retired", "v1b": "current", "v2": "candidate"}


async def test_repeated_outcomes_promote_once(
    registry: Registry, broker: MemoryBroker, fill: Fill, add_model: AddModel, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await _ready_to_finish(http, fill, add_model)
        answers = await asyncio.gather(
            *(http.post(f"{JOB}/outcome", content=outcome()) for _ in range(6))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert problem_of(await http.post(f"{JOB}/outcome", content=REJECTED)) == (
            409,
            "lease_lost",
        )
        await _records(broker, 6)
        await asyncio.sleep(0.05)
        assert len(broker.records) == 6


async def test_an_outcome_and_its_promotion_commit_together_or_not_at_all(
    registry: Registry,
    broker: MemoryBroker,
    fill: Fill,
    add_model: AddModel,
    problem_of: ProblemOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enqueue = "registry.adapters.store.transaction.SqlTransaction.enqueue"

    def fail(_tx: object, event: Any, _now_ms: int) -> None:
        if event.topic == "train.events":  # the very last of all changes
            raise LookupError

    async with registry() as http:
        await _ready_to_finish(http, fill, add_model)
        await _records(broker, 4)
        with monkeypatch.context() as patched:
            patched.setattr(enqueue, fail)
            failed = await http.post(f"{JOB}/outcome", content=outcome())
            assert problem_of(failed) == (500, "internal")
            assert await _states(http) == {"v1": "current", "v2": "candidate"}
            assert (await http.get(JOB)).json()["state"] == "running"
            assert len(broker.records) == 4
        assert (await http.post(f"{JOB}/outcome", content=outcome())).status_code == 200
        assert await _states(http) == {"v1": "retired", "v2": "current"}
        topics = [topic for topic, _, _ in (await _records(broker, 6))[4:]]
        assert topics == ["test.models.events", "test.train.events"]


async def test_leases_and_cancellation_over_http(
    registry: Registry, fill: Fill, problem_of: ProblemOf
) -> None:
    other = {"holder": "trainer-2", "ttl_s": 60}
    async with registry() as http:
        await fill(http, 4)
        await http.post("/v1/jobs", json={"id": ID})
        claimable = (await http.get("/v1/jobs?claimable=true")).json()["jobs"]
        assert [job["id"] for job in claimable] == [ID]
        assert problem_of(await http.put(f"{JOB}/report", json=REPORT)) == (409, "lease_lost")
        leased = await http.post(f"{JOB}/lease", json=CLAIM)
        assert (leased.status_code, leased.json()["attempt"]) == (200, 1)
        assert (await http.get("/v1/jobs?claimable=true")).json() == {"jobs": []}
        assert problem_of(await http.post(f"{JOB}/lease", json=other)) == (409, "lease_held")
        for _ in range(2):
            asked = await http.post(f"{JOB}/cancel")
            assert (asked.status_code, asked.json()["cancel_requested"]) == (200, True)
        assert (await http.put(f"{JOB}/report", json=REPORT)).json()["cancel_requested"]
        ended = await http.post(
            f"{JOB}/outcome", content=outcome(state="cancelled", gate=None, model_version=None)
        )
        assert ended.json()["state"] == "cancelled"
        assert problem_of(await http.post(f"{JOB}/cancel")) == (409, "conflict")
        assert problem_of(await http.post(f"{JOB}/lease", json=CLAIM)) == (409, "conflict")


async def test_the_claim_after_the_last_attempt_fails_the_job_and_is_told(
    registry: Registry, fill: Fill, broker: MemoryBroker, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await fill(http, 4)
        await http.post("/v1/jobs", json={"id": ID})
        for _ in range(3):
            assert (await http.post(f"{JOB}/lease", json=CLAIM)).status_code == 200
        assert problem_of(await http.post(f"{JOB}/lease", json=CLAIM)) == (409, "conflict")
        assert (await http.get(JOB)).json()["state"] == "failed"
        last = TrainEvent.model_validate_json((await _records(broker, 6))[-1][2])
    assert last.state == "failed"


async def test_new_images_make_a_job_and_one_only(
    registry: Registry, settings: Settings, fill: Fill, add_model: AddModel
) -> None:
    async with registry() as http:
        await fill(http, 5)
        assert (await http.get("/v1/jobs")).json() == {"jobs": []}
    for _ in range(2):
        async with registry(retrain_new_images=5) as http:
            async with asyncio.timeout(10):
                while not (jobs := (await http.get("/v1/jobs")).json()["jobs"]):
                    await asyncio.sleep(0.01)
            assert [job["state"] for job in jobs] == ["queued"]
