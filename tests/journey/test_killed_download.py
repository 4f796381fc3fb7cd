"""A worker killed in the middle of a download serves no half of a model, and goes on from there."""

import asyncio
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from embedded.ports import free_ports
from shared.bundle_files import read_manifest
from shared.testing.images import new_jpeg
from shared.testing.processes import running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"
LET_THROUGH = 1_000_000


@asynccontextmanager
async def stalling_proxy(target_port: int):
    """Pass on what the registry says, up to a bound; then say no more and keep the line open."""
    said = 0
    stalled = asyncio.Event()

    async def pump(reader, writer, *, is_answer: bool) -> None:
        nonlocal said
        with suppress(ConnectionError):
            while chunk := await reader.read(16_384):
                said += len(chunk) if is_answer else 0
                if said > LET_THROUGH:
                    stalled.set()
                    await asyncio.Event().wait()
                writer.write(chunk)
                await writer.drain()

    connections: set[asyncio.Task[None]] = set()

    async def connect(reader, writer) -> None:
        connections.add(asyncio.current_task())
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target_port)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(pump(reader, there_writer, is_answer=False))
                tasks.create_task(pump(there_reader, writer, is_answer=True))
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            there_writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], stalled
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections)


async def test_a_worker_killed_in_a_download_serves_the_whole_model_after_it(
    stack, kafka_settings, tmp_path
):
    cache = tmp_path / "late"
    (port,) = free_ports(1)
    registry_port = int(stack.registry.url.rsplit(":", 1)[1])
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_WORKER_PORT": str(port),
        "PNEUMO_WORKER_ID": "late",
        "PNEUMO_WORKER_CACHE_DIR": str(cache),
    }
    async with stalling_proxy(registry_port) as (proxy_port, stalled):
        url = {"PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{proxy_port}"}
        with running("inference_worker", port, env | url, tmp_path / "late.log") as worker:
            async with asyncio.timeout(60):
                await stalled.wait()
                while not list(cache.rglob("*.part")):
                    await asyncio.sleep(0.02)
            ready = await asyncio.to_thread(httpx.get, f"{worker.url}/health/ready")
            assert ready.status_code == 503
            await asyncio.to_thread(worker.kill)
    assert not list(cache.rglob("manifest.json"))
    url = {"PNEUMO_REGISTRY_URL": stack.registry.url}
    with running("inference_worker", port, env | url, tmp_path / "late.log") as worker:
        await asyncio.to_thread(worker.wait_ready)
        for other in stack.workers:
            await asyncio.to_thread(other.stop)
        files = {"file": ("chest.jpeg", new_jpeg(), "image/jpeg")}
        async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
            answer = await client.post(
                "/v1/predictions", files=files, headers={"Prefer": "wait=40"}
            )
    assert answer.json()["model"]["version"] == read_manifest(BUNDLE).version
