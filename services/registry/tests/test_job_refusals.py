"""Jobs over HTTP: what is refused, and changes nothing."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from shared.contracts.train import GateReport, JobOutcome

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


async def _ready_to_finish(http: httpx.AsyncClient, fill: Fill, add_model: AddModel) -> None:
    await add_model(http, "v1")
    await http.post("/v1/models/v1/promote")
    await fill(http, 4)
    (await http.post("/v1/jobs", json={"id": ID})).raise_for_status()
    (await http.post(f"{JOB}/lease", json=CLAIM)).raise_for_status()
    await add_model(http, "v2")


async def _states(http: httpx.AsyncClient) -> dict[str, str]:
    return {m["version"]: m["state"] for m in (await http.get("/v1/models")).json()["models"]}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (outcome(model_version="v9"), MALFORMED),
        (outcome(gate=None), MALFORMED),
        (outcome(gate=REFUSING), MALFORMED),
        (outcome(model_version=None), MALFORMED),
        (outcome(state="failed"), MALFORMED),
        (outcome(state="rejected"), MALFORMED),
        (outcome(state="rejected", gate=REFUSING, model_version="v1"), (409, "conflict")),
        (outcome(holder="trainer-2"), (409, "lease_lost")),
        (outcome(metrics={f"m{n}": 1.0 for n in range(257)}), MALFORMED),
        (outcome(metrics={"m" * 129: 1.0}), MALFORMED),
    ],
)
async def test_an_outcome_that_cannot_be_changes_nothing(
    registry: Registry,
    fill: Fill,
    add_model: AddModel,
    problem_of: ProblemOf,
    told: bytes,
    expected: tuple[int, str],
) -> None:
    async with registry() as http:
        await _ready_to_finish(http, fill, add_model)
        assert problem_of(await http.post(f"{JOB}/outcome", content=told)) == expected
        assert (await http.get(JOB)).json()["state"] == "running"
        assert await _states(http) == {"v1": "current", "v2": "candidate"}


@pytest.mark.parametrize(
    "verb", ["GET ", "POST /cancel", "POST /lease", "PUT /report", "POST /outcome"]
)
async def test_a_job_that_is_none_is_not_found_and_a_path_is_no_id(
    registry: Registry, problem_of: ProblemOf, verb: str
) -> None:
    method, tail = verb.split(" ")
    body = {"/lease": CLAIM, "/report": REPORT, "/outcome": json.loads(outcome())}.get(tail)
    async with registry() as http:
        answer = await http.request(method, f"{JOB}{tail}", json=body)
        assert problem_of(answer) == (404, "not_found")
        for bad in ("x", ID.upper(), f"{ID}%0A", "a" * 5000, "..%5C..%5Cetc", "%00"):
            answer = await http.request(method, f"/v1/jobs/{bad}{tail}", json=body)
            assert problem_of(answer) == MALFORMED
        answer = await http.request(method, f"/v1/jobs/..%2F..%2Fetc%2Fpasswd{tail}", json=body)
        assert problem_of(answer)[0] in (400, 404)


async def test_a_mode_that_no_trainer_offers_makes_no_job(
    registry: Registry, fill: Fill, problem_of: ProblemOf
) -> None:
    full = {"id": ID, "mode": "full"}
    other = {"id": f"{ID[:-1]}0", "mode": "full"}
    async with registry() as http:
        await fill(http, 4)
        # Nothing is known right after a start: the job is made.
        assert (await http.post("/v1/jobs", json=full)).status_code == 201
        await http.get("/v1/jobs?claimable=true&offers=fast")
        assert (await http.post("/v1/jobs", json=full)).status_code == 200
        refused = await http.post("/v1/jobs", json=other)
        assert problem_of(refused) == (409, "mode_not_offered")
        assert len((await http.get("/v1/jobs")).json()["jobs"]) == 1
        await http.get("/v1/jobs?claimable=true&offers=fast&offers=full")
        assert (await http.post("/v1/jobs", json=other)).status_code == 201


DEEP = b'{"id":' + b"[" * 30_000 + b"]" * 30_000 + b"}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", MALFORMED),
        (b"null", MALFORMED),
        (b"[]", MALFORMED),
        (b"\xff\xfe", MALFORMED),
        (b"{", MALFORMED),
        (DEEP, MALFORMED),
        (b"x" * (64 * 1024 + 1), (413, "too_large")),
        (b'{"id": 5}', MALFORMED),
        (b'{"id": "../../etc/passwd"}', MALFORMED),
        (b'{"id": "%s\\n"}' % ID.encode(), MALFORMED),
        (b'{"id": "%s", "mode": "slow"}' % ID.encode(), MALFORMED),
        (b'{"id": "%s", "seed": -1}' % ID.encode(), MALFORMED),
        (b'{"id": "%s", "seed": 1e400}' % ID.encode(), MALFORMED),
        (b'{"id": "%s", "seed": %s}' % (ID.encode(), b"9" * 3000), MALFORMED),
        (b'{"id": "%s", "x": "\\ud800"}' % ID.encode(), MALFORMED),
    ],
)
async def test_a_request_that_is_none_is_refused(
    registry: Registry, fill: Fill, problem_of: ProblemOf, body: bytes, expected: tuple[int, str]
) -> None:
    async with registry() as http:
        await fill(http, 4)
        assert problem_of(await http.post("/v1/jobs", content=body)) == expected
        assert (await http.get("/v1/jobs")).json() == {"jobs": []}


@pytest.mark.parametrize(
    ("tail", "change"),
    [
        ("report", {"progress": 1.5}),
        ("report", {"progress": float("nan")}),
        ("report", {"state": "succeeded"}),
        ("report", {"holder": "a\0b"}),
        ("report", {"metrics": {"loss": "low"}}),
        ("lease", {"ttl_s": 0}),
        ("lease", {"ttl_s": float("inf")}),
        ("lease", {"ttl_s": 3601}),
        ("lease", {"holder": None}),
    ],
)
async def test_a_trainer_that_talks_nonsense_is_refused(
    registry: Registry, fill: Fill, problem_of: ProblemOf, tail: str, change: dict[str, Any]
) -> None:
    body = json.dumps({**(REPORT if tail == "report" else CLAIM), **change}).encode()
    async with registry() as http:
        await fill(http, 4)
        await http.post("/v1/jobs", json={"id": ID})
        await http.post(f"{JOB}/lease", json=CLAIM)
        before = (await http.get(JOB)).json()
        verb = "PUT" if tail == "report" else "POST"
        assert problem_of(await http.request(verb, f"{JOB}/{tail}", content=body)) == MALFORMED
        assert (await http.get(JOB)).json() == before


async def test_lists_are_bounded(registry: Registry, fill: Fill, problem_of: ProblemOf) -> None:
    async with registry() as http:
        await fill(http, 4)
        for n in range(3):
            await http.post("/v1/jobs", json={"id": f"{ID[:-1]}{n}"})
        # A trainer takes the last of its list, which must be the oldest of all.
        for query, expected in (("", ["2", "1"]), ("&claimable=true", ["1", "0"])):
            jobs = (await http.get(f"/v1/jobs?limit=2{query}")).json()["jobs"]
            assert [job["id"][-1] for job in jobs] == expected
            for bad in ("0", "1001", "many"):
                assert problem_of(await http.get(f"/v1/jobs?limit={bad}{query}")) == MALFORMED
