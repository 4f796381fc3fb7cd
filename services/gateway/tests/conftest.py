"""A registry that only remembers, over real HTTP, and a gateway over a real broker."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from gateway.adapters.dicom_processes import open_decoders
from gateway.http.app import new_app
from gateway.main import build_gateway
from gateway.main.control_plane import new_control_plane, new_control_routers
from gateway.main.data_plane import new_decoder_limits
from gateway.main.edge import new_connection_limits
from gateway.settings import Settings
from gateway.subscribers.cluster import ClusterView
from shared.clock import SystemClock
from shared.contracts.dataset import DatasetImage, DatasetSummary
from shared.contracts.models import ModelPromoted, ModelRecord, WorkerStatus
from shared.contracts.train import Job, NewJob
from shared.control_client import new_control_client
from shared.http.connections import new_connections
from shared.kafka.publisher import BrokerUnavailableError
from shared.observability.serving import serve
from shared.testing.bundles import manifest_bytes, new_manifest, sha256_hex

CLASSES = ("NORMAL", "PNEUMONIA")
CARD = {"intended_use": "tests"}
MIB = 1024 * 1024
SMALL = {
    "max_upload_files": 5,
    "max_upload_bytes": MIB,
    "max_image_bytes": MIB // 2,
    "max_unpacked_bytes": 2 * MIB,
    "max_job_streams": 2,
    "stream_beat_s": 0.05,
}
NOW_MS = 1_800_000_000_000


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@asynccontextmanager
async def served(app, port, http=None):
    """Serve over real HTTP for the length of the block."""
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(app, host="127.0.0.1", port=port, stop=stop, http=http))
    url = f"http://127.0.0.1:{port}"
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while True:
            try:
                await client.get(url)
                break
            except httpx.TransportError:
                await asyncio.sleep(0.01)
    try:
        yield url
    finally:
        stop.set()
        await serving


def refuse(status, code, detail="No."):
    body = {"code": code, "detail": detail} if code else {"oops": "/secret/path"}
    return JSONResponse(body, status)


def new_record(version="1", state="current"):
    files = {"model.xml": b"<net/>", "card.json": b'{"intended_use": "tests"}'}
    manifest = new_manifest(files, version=version, name="pneumonia", classes=CLASSES)
    return ModelRecord(
        name="pneumonia",
        version=version,
        state=state,
        bundle_sha256=sha256_hex(manifest_bytes(manifest)),
        manifest=manifest,
        created_at_ms=NOW_MS,
        promoted_at_ms=NOW_MS,
    )


class FakeRegistry:
    """Answers as shared/control_client.py expects; `models[0]` is current."""

    def __init__(self):
        self.models = [new_record()]
        self.jobs = {}
        self.images = {}
        self.contents = {}
        self.insights = {}
        self.prevalence = None
        self.seen = []
        self.queries = []
        self.refusal = None
        self.url = ""

    def app(self):
        app = FastAPI()
        app.middleware("http")(self._note)
        for method, path, endpoint in (
            ("POST", "/v1/jobs", self._create_job),
            ("GET", "/v1/jobs", self._list_jobs),
            ("GET", "/v1/jobs/{id}", self._job),
            ("POST", "/v1/jobs/{id}/cancel", self._cancel),
            ("GET", "/v1/dataset", self._dataset),
            ("GET", "/v1/dataset/insights", self._dataset_insights),
            ("GET", "/v1/dataset/images", self._list_images),
            ("DELETE", "/v1/dataset/images", self._delete_images),
            ("GET", "/v1/dataset/images/{sha256}", self._image),
            ("GET", "/v1/dataset/images/{sha256}/content", self._content),
            ("PATCH", "/v1/dataset/images/{sha256}", self._relabel),
            ("DELETE", "/v1/dataset/images/{sha256}", self._delete),
            ("GET", "/v1/models", self._list_models),
            ("GET", "/v1/models/current", self._current),
            ("GET", "/v1/models/{version}", self._model),
            ("GET", "/v1/models/{version}/insights", self._model_insights),
            ("GET", "/v1/models/{version}/files/{name}", self._file),
            ("POST", "/v1/models/rollback", self._current),
            ("POST", "/v1/models/{version}/promote", self._model),
        ):
            app.add_api_route(path, endpoint, methods=[method], response_model=None)
        return app

    def add_image(self, sha256, label="NORMAL"):
        self.images[sha256] = DatasetImage(
            sha256=sha256,
            label=label,
            patient=None,
            source="upload",
            content_type="image/jpeg",
            size_bytes=1,
            created_at_ms=NOW_MS,
        )

    async def _note(self, request, call_next):
        self.seen.append((request.method, request.url.path))
        return refuse(*self.refusal) if self.refusal else await call_next(request)

    async def _create_job(self, request: Request):
        new = NewJob.model_validate_json(await request.body())
        known = self.jobs.get(new.id)
        if known is None:
            job = Job(
                **new.model_dump(), state="queued", requested_at_ms=NOW_MS, updated_at_ms=NOW_MS
            )
            self.jobs[new.id] = job
            return Response(job.to_bytes(), 201)
        if NewJob(**known.model_dump(include={"id", "mode", "policy", "seed"})) != new:
            return refuse(409, "conflict", "Another body.")
        return Response(known.to_bytes(), 200)

    async def _list_jobs(self, modes: bool = False):  # noqa: FBT001, FBT002  of the query
        jobs = [job.model_dump() for job in reversed(self.jobs.values())]
        return {"jobs": jobs} | ({"modes": ["fast"]} if modes else {})

    async def _job(self, id: str):  # noqa: A002
        return _found(self.jobs.get(id))

    async def _cancel(self, id: str):  # noqa: A002
        if id in self.jobs:
            self.jobs[id] = self.jobs[id].model_copy(update={"state": "cancelled"})
        return _found(self.jobs.get(id))

    async def _dataset(self):
        return DatasetSummary(
            total=1, by_class={"NORMAL": 1}, by_source={"upload": 1}, conflicts=0
        ).model_dump()

    async def _list_images(self, request: Request):
        self.queries.append(dict(request.query_params))
        return {"images": [each.model_dump() for each in self.images.values()], "next": None}

    async def _delete_images(self, request: Request):
        self.queries.append(dict(request.query_params))
        return {"deleted": 2, "left": 1}

    async def _image(self, sha256: str):
        return _found(self.images.get(sha256))

    async def _content(self, sha256: str):
        known = self.contents.get(sha256)
        return refuse(404, "not_found") if known is None else Response(known)

    async def _dataset_insights(self):
        return _found(self.insights["dataset"])

    async def _model_insights(self, version: str, prevalence: float | None = None):
        self.prevalence = prevalence or self.prevalence
        return _found(self.insights.get(version))

    async def _relabel(self, sha256: str, request: Request):
        if sha256 in self.images:
            label = (await request.json())["label"]
            self.images[sha256] = self.images[sha256].model_copy(update={"label": label})
        return _found(self.images.get(sha256))

    async def _delete(self, sha256: str):
        known = self.images.pop(sha256, None)
        return Response(status_code=204) if known else _found(None)

    async def _list_models(self):
        return {"models": [record.model_dump(mode="json") for record in self.models]}

    async def _current(self):
        return _found(self.models[0] if self.models else None)

    async def _model(self, version: str):
        return _found(next((m for m in self.models if m.version == version), None))

    async def _file(self, version: str, name: str):
        return JSONResponse(CARD) if name == "card.json" else refuse(404, "not_found")


def _found(message):
    if message is None:
        return refuse(404, "not_found", "No such thing.")
    return Response(message.to_bytes(), media_type="application/json")


def new_cluster(announced):
    """What the topics have said: two workers, and a promotion, if any."""
    cluster = ClusterView()
    now_ms = SystemClock().now_ms()
    for worker in (
        WorkerStatus(id="w0", ready=True, version="1", at_ms=now_ms),
        WorkerStatus(
            id="w1",
            ready=False,
            refused_version="2",
            refusal_code="goldens",
            refusal="Other answers.",
            at_ms=now_ms,
        ),
    ):
        cluster.on_worker_status(SimpleNamespace(key=worker.id.encode(), value=worker.to_bytes()))
    if announced:
        event = ModelPromoted(
            name="pneumonia", version=announced, bundle_sha256="ab" * 32, promoted_at_ms=1
        )
        cluster.on_model_promoted(SimpleNamespace(value=event.to_bytes()))
    return cluster


class KeptImages:
    """Confirms images until it is told to stop."""

    def __init__(self, confirms=10**6):
        self.kept = []
        self.confirms = confirms

    async def publish(self, sha256, headers, image):
        if len(self.kept) >= self.confirms:
            raise BrokerUnavailableError("gone")
        self.kept.append((sha256, headers, image))


@pytest.fixture
async def registry():
    """A fake registry, served."""
    fake = FakeRegistry()
    async with served(fake.app(), free_port()) as fake.url:
        yield fake


@pytest.fixture
def run_gateway(kafka_settings):
    """Run a gateway for the length of a block; its client, over real HTTP."""

    @asynccontextmanager
    async def run(registry_url="http://127.0.0.1:1", kafka=kafka_settings, **changes):
        settings = Settings(kafka=kafka, registry_url=registry_url, **changes)
        connections = new_connections(new_connection_limits(settings))
        async with build_gateway(settings) as gateway:
            following = asyncio.create_task(gateway.run())
            async with asyncio.timeout(30):
                while not gateway.ready:
                    await asyncio.sleep(0.05)
            async with (
                served(gateway.app, free_port(), connections) as url,
                httpx.AsyncClient(base_url=url, timeout=30) as client,
            ):
                client.gateway = gateway
                yield client
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    return run


@pytest.fixture
def controlling():
    """Serve the control plane for the length of a block, without Kafka.

    `client.kept` is what was confirmed. An image may have half a MiB, a request 1, unpacked 2.
    """

    @asynccontextmanager
    async def run(registry_url, *, confirms=10**6, announced=None, **changes):
        settings = Settings(registry_url=registry_url, **SMALL | changes)
        kept = KeptImages(confirms)
        cluster = new_cluster(announced)
        with ThreadPoolExecutor(1) as compute:
            async with (
                new_control_client(registry_url) as control,
                open_decoders(new_decoder_limits(settings)) as decoders,
            ):
                plane = new_control_plane(settings, control, kept, cluster, decoders, compute)
                routers = new_control_routers(settings, plane, cluster, SystemClock())
                transport = httpx.ASGITransport(new_app(*routers))
                async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
                    client.kept, client.feeds = kept.kept, plane.feeds
                    yield client

    return run
