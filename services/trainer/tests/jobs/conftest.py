"""A registry in memory that speaks HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from embedded.ports import free_ports
from shared.contracts.bundle import MANIFEST_FILE, Manifest
from shared.contracts.models import ModelRecord
from shared.contracts.train import Claim, Job, JobOutcome, JobReport, NewJob, Release
from shared.testing.bundles import sha256_hex


class Registry:
    """Jobs with leases, a dataset, models: in memory, under a lock, its clock the machine's."""

    def __init__(self, bundle: Path, uploads: Any) -> None:
        self.bundle = bundle
        self.uploads = uploads
        self.jobs: dict[str, Job] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.reports: list[JobReport] = []
        self.outcomes: list[JobOutcome] = []
        self.artifacts: dict[str, bytes] = {}
        self.registered: list[bytes] = []
        self.released: list[str] = []
        self.damages: set[str] = set()
        self.fetched: list[str] = []
        self.asked = 0
        self.offers: list[str] = []
        self.refused_outcomes = 0
        self.forget_when_asked: str | None = None
        self.is_down = False
        self.holds_outcomes = False
        self.url = ""

    def request(self, new: NewJob) -> None:
        fields = new.model_dump() | {"state": "queued", "requested_at_ms": 1, "updated_at_ms": 1}
        self.jobs[new.id] = Job.model_validate(fields)

    def change(self, id_: str, **changes: Any) -> Job:
        self.jobs[id_] = self.jobs[id_].model_copy(update=changes)
        return self.jobs[id_]

    def take_away(self, id_: str) -> None:
        self.leases[id_] = ("another", time.monotonic() + 3600)

    def forget(self, sha256: str) -> None:
        kept = tuple(one for one in self.uploads.images if one.sha256 != sha256)
        contents = {name: one for name, one in self.uploads.contents.items() if name != sha256}
        self.uploads = replace(self.uploads, images=kept, contents=contents)

    def is_held(self, id_: str) -> bool:
        return id_ in self.leases and time.monotonic() < self.leases[id_][1]

    def found(self, *, claimable: bool) -> list[Any]:
        """Give the newest job first; claimable: only what has not ended and nobody holds."""
        ended = ("succeeded", "rejected", "failed", "cancelled")
        return [
            one
            for one in reversed(self.jobs.values())
            if not claimable or (one.state not in ended and not self.is_held(one.id))
        ]

    def record(self) -> ModelRecord:
        content = (self.bundle / MANIFEST_FILE).read_bytes()
        return _record(content, "current")


def _record(manifest_bytes: bytes, state: str) -> ModelRecord:
    manifest = Manifest.model_validate_json(manifest_bytes)
    return ModelRecord.model_validate(
        {
            "name": manifest.name,
            "version": manifest.version,
            "state": state,
            "bundle_sha256": sha256_hex(manifest_bytes),
            "manifest": manifest,
            "created_at_ms": 1,
        }
    )


def _problem(status: int, code: str) -> JSONResponse:
    return JSONResponse({"code": code, "detail": code}, status)


def _json(message: BaseModel) -> Response:
    return Response(message.model_dump_json(), media_type="application/json")


def _app(state: Registry) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def away(request: Request, call_next: Any) -> Response:
        if state.is_down:
            return Response(status_code=503)
        answer: Response = await call_next(request)
        return answer

    app.include_router(_jobs(state))
    app.include_router(_leases(state))
    app.include_router(_dataset(state))
    app.include_router(_models(state))
    return app


def _jobs(state: Registry) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/jobs")
    async def jobs(
        offers: Annotated[list[str], Query()],
        claimable: bool = False,  # noqa: FBT001, FBT002
    ) -> JSONResponse:
        state.asked += 1
        state.offers = offers
        found = [one.model_dump(mode="json") for one in state.found(claimable=claimable)]
        return JSONResponse({"jobs": found})

    @router.post("/v1/jobs/{id_}/outcome")
    async def outcome(id_: str, request: Request) -> Response:
        if state.holds_outcomes:
            state.refused_outcomes += 1
            return Response(status_code=503)
        told = JobOutcome.model_validate_json(await request.body())
        if state.leases[id_][0] != told.holder:
            state.refused_outcomes += 1
            return _problem(409, "lease_lost")
        state.outcomes.append(told)
        return _json(state.change(id_, state=told.state, gate=told.gate, error=told.error))

    return router


def _leases(state: Registry) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/jobs/{id_}/lease")
    async def lease(id_: str, request: Request) -> Response:
        claim = Claim.model_validate_json(await request.body())
        if state.is_held(id_):
            return _problem(409, "lease_held")
        state.leases[id_] = (claim.holder, time.monotonic() + claim.ttl_s)
        return _json(state.change(id_, state="running", attempt=state.jobs[id_].attempt + 1))

    @router.post("/v1/jobs/{id_}/release")
    async def release(id_: str, request: Request) -> Response:
        told = Release.model_validate_json(await request.body())
        if state.leases[id_][0] != told.holder:
            return _problem(409, "lease_lost")
        del state.leases[id_]
        state.released.append(id_)
        return _json(state.change(id_, state="queued"))

    @router.put("/v1/jobs/{id_}/report")
    async def report(id_: str, request: Request) -> Response:
        told = JobReport.model_validate_json(await request.body())
        if state.leases[id_][0] != told.holder:
            return _problem(409, "lease_lost")
        state.leases[id_] = (told.holder, time.monotonic() + told.ttl_s)
        state.reports.append(told)
        return _json(state.change(id_, phase=told.phase, progress=told.progress))

    return router


def _dataset(state: Registry) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/dataset/snapshot")
    async def snapshot() -> Response:
        return _json(state.uploads.snapshot())

    @router.get("/v1/dataset/images/{sha256}/content")
    async def content(sha256: str) -> Response:
        state.fetched.append(sha256)
        if sha256 == state.forget_when_asked:
            state.forget(sha256)
        if sha256 not in state.uploads.contents:
            return _problem(404, "not_found")
        damage = b"!" if sha256 in state.damages else b""
        return Response(state.uploads.contents[sha256] + damage)

    return router


def _models(state: Registry) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/models/current")
    async def current() -> Response:
        return _json(state.record())

    @router.get("/v1/models/{version}/files/{name}")
    async def file(version: str, name: str) -> Response:
        content = (state.bundle / name).read_bytes()
        return Response(content[:-1] + b"!" if name in state.damages else content)

    @router.put("/v1/artifacts/{sha256}")
    async def artifact(sha256: str, request: Request) -> Response:
        state.artifacts[sha256] = await request.body()
        return Response(status_code=201)

    @router.post("/v1/models")
    async def register(request: Request) -> Response:
        content = await request.body()
        record = _record(content, "candidate")
        assert {entry.sha256 for entry in record.manifest.files.values()} <= set(state.artifacts)
        state.registered.append(content)
        return _json(record)

    return router


@pytest.fixture
def serve_registry(
    tiny_bundle: Path, draw_uploads: Callable[..., Any]
) -> Iterator[Callable[..., Registry]]:
    """Give a function that serves a registry over HTTP, with uploads, until the test ends."""
    with _servers() as serve:

        def start(uploads: Any = None) -> Registry:
            state = Registry(tiny_bundle, uploads or draw_uploads([]))
            state.url = serve(_app(state))
            return state

        yield start


@contextmanager
def _servers() -> Iterator[Callable[[FastAPI], str]]:
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(app: FastAPI) -> str:
        (port,) = free_ports(1)
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the registry does not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}"

    try:
        yield serve
    finally:
        for server, thread in running:
            server.should_exit = True
            thread.join(10)
