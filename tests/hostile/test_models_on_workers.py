"""A worker whose cache disk is full, or whose current model is damaged, serves its last good one.

Real worker processes on the real broker, before a registry that serves what the test puts there.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from embedded.ports import free_ports
from shared.contracts.models import ModelRecord, WorkerStatus
from shared.kafka.clients import new_consumer, started
from shared.testing.bundles import default_files, manifest_bytes, new_manifest, sha256_hex
from shared.testing.disks import small_disk
from shared.testing.processes import ServiceProcess, running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

_PATIENCE_S = 60.0
_MIB = 1024 * 1024


@dataclass
class StubRegistry:
    """Models by version, which of them is current, and every file that was asked for."""

    port: int = 0
    current: str = ""
    records: dict[str, ModelRecord] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def add(self, version: str, size_bytes: int = 64 * 1024) -> None:
        """Keep a model whose weights have that size."""
        block = hashlib.sha256(version.encode()).digest()
        contents = default_files(version) | {"model.bin": block * (size_bytes // len(block))}
        manifest = new_manifest(contents, version=version, name="pneumonia")
        body = manifest_bytes(manifest)
        self.records[version] = ModelRecord(
            name="pneumonia",
            version=version,
            state="current",
            bundle_sha256=sha256_hex(body),
            manifest=manifest,
            created_at_ms=1,
        )
        for name, content in (contents | {"manifest.json": body}).items():
            self.files[version, name] = content

    def promote(self, version: str) -> None:
        """Make a version current, later than whatever was."""
        before = self.records[self.current].promoted_at_ms if self.current else None
        changes = {"promoted_at_ms": (before or 0) + 1}
        self.records[version] = self.records[version].model_copy(update=changes)
        self.current = version

    def flip_a_byte(self, version: str) -> bytes:
        """Damage a model's weights; gives what they were."""
        whole = self.files[version, "model.bin"]
        self.files[version, "model.bin"] = whole[:-1] + bytes([whole[-1] ^ 0xFF])
        return whole

    def answer(self, path: str) -> bytes | None:
        """Give what lies under a path of the registry's API."""
        match path.strip("/").split("/"):
            case ["v1", "models", "current"] if self.current:
                return self.records[self.current].to_bytes()
            case ["v1", "models", version] if version in self.records:
                return self.records[version].to_bytes()
            case ["v1", "models", version, "files", name]:
                self.fetched.append(f"{version}/{name}")
                return self.files.get((version, name))
            case _:
                return None


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    stub = StubRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = stub.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def new_worker(kafka_settings, registry, tmp_path):
    """Start a worker without an engine; it looks at the registry every half second."""

    @contextmanager
    def start(cache: Path) -> Iterator[ServiceProcess]:
        (port,) = free_ports(1)
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
            "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry.port}",
            "PNEUMO_WORKER_PORT": str(port),
            "PNEUMO_WORKER_ID": "worker-0",
            "PNEUMO_WORKER_CACHE_DIR": str(cache),
            "PNEUMO_WORKER_ENGINE": "noop",
            "PNEUMO_WORKER_RECONCILE_EVERY_S": "0.5",
            "PNEUMO_WORKER_RETRY_REFUSED_S": "0.5",
        }
        with running("inference_worker", port, env, tmp_path / f"worker-{port}.log") as worker:
            yield worker
            assert not worker.ended, worker.log[-3000:]
            worker.stop()

    return start


async def until(worker: ServiceProcess, holds: Callable[[str], bool]) -> None:
    """Return once the worker's metrics show it. Fails as soon as the worker has ended."""
    async with asyncio.timeout(_PATIENCE_S), httpx.AsyncClient(timeout=5) as client:
        while True:
            assert not worker.ended, worker.log[-3000:]
            try:
                if holds((await client.get(f"{worker.url}/metrics")).text):
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


def serves(version: str) -> Callable[[str], bool]:
    return lambda metrics: f'pneumo_model_loaded{{version="{version}"}} 1.0' in metrics


def has_refused(metrics: str) -> bool:
    return 'pneumo_model_swaps_total{result="refused"} 0.0' not in metrics and (
        "pneumo_model_swaps_total" in metrics
    )


async def last_status(kafka_settings, holds: Callable[[WorkerStatus], bool]) -> WorkerStatus:
    """Give the first report of the worker's that shows it."""
    consumer = new_consumer(kafka_settings, client_id="test")
    consumer.subscribe([f"{kafka_settings.topic_prefix}workers.status"])
    async with started(consumer), asyncio.timeout(_PATIENCE_S):
        async for record in consumer:
            if record.value is not None:
                status = WorkerStatus.model_validate_json(record.value)
                if holds(status):
                    return status
    raise AssertionError


async def test_a_full_cache_disk_ends_no_worker_and_keeps_none_from_serving(
    registry, new_worker, kafka_settings, tmp_path
):
    registry.add("1")
    registry.add("2", size_bytes=3 * _MIB)
    registry.add("3")
    registry.promote("1")
    cache = tmp_path / "cache"
    with small_disk(cache, 2) as bound:
        with new_worker(cache) as worker:
            bound(worker.pid)
            await until(worker, serves("1"))
            registry.promote("2")
            await until(worker, has_refused)
            await until(worker, serves("1"))
            status = await last_status(kafka_settings, lambda s: s.refused_version is not None)
        assert status.refusal_code == "cache_failed"
        assert "/" not in (status.refusal or "")
        assert not list(cache.rglob("*.part")), "what did not fit still fills the disk"
        with new_worker(cache) as again:
            bound(again.pid)
            await until(again, serves("1"))
            await until(again, has_refused)
            registry.promote("3")
            await until(again, serves("3"))


async def test_a_worker_that_starts_under_a_damaged_model_serves_the_one_before_and_follows_on(
    registry, new_worker, kafka_settings, tmp_path
):
    registry.add("1")
    registry.add("2")
    registry.promote("1")
    with new_worker(tmp_path / "cache") as worker:
        await until(worker, serves("1"))
    whole = registry.flip_a_byte("2")
    registry.promote("2")
    with new_worker(tmp_path / "cache") as again:
        await until(again, serves("1"))
        await asyncio.to_thread(again.wait_ready)
        await until(again, has_refused)
        status = await last_status(kafka_settings, lambda s: s.refused_version == "2")
        assert status.refusal_code == "damaged"
        assert "/" not in (status.refusal or "")
        registry.files["2", "model.bin"] = whole
        await until(again, serves("2"))
        await last_status(kafka_settings, lambda s: s.version == "2" and s.refused_version is None)


async def test_a_model_that_comes_damaged_once_is_served_by_a_running_worker_later(
    registry, new_worker, tmp_path
):
    registry.add("1")
    registry.add("2")
    registry.promote("1")
    with new_worker(tmp_path / "cache") as worker:
        await until(worker, serves("1"))
        whole = registry.flip_a_byte("2")
        registry.promote("2")
        await until(worker, has_refused)
        registry.files["2", "model.bin"] = whole
        await until(worker, serves("2"))


async def test_a_cache_that_cannot_be_written_does_not_stop_a_worker(
    registry, new_worker, tmp_path
):
    """A file where the cache's folder should be: no byte can be kept, nothing can be served."""
    registry.add("1")
    registry.promote("1")
    cache = tmp_path / "cache"
    cache.write_bytes(b"")
    with new_worker(cache) as worker:
        await until(worker, has_refused)
        cache.unlink()
        await until(worker, serves("1"))
