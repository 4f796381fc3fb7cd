"""HTTP_PROXY of a hospital's network: no service, client or page is asked of it on this machine."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from embedded.ports import free_ports
from pneumo import AsyncClient, Client
from pneumo.cli.address import Address
from pneumo.connection import http_options
from pneumo.retries import RetryPolicy
from pneumo.transport import SingleConnectionPool
from registry.adapters.bucket import open_bucket
from shared.control_client import new_control_client
from shared.registry_client import new_registry_client
from shared.testing.processes import running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def dead_proxy(monkeypatch):
    """Name a proxy that nobody runs, and no exception to it."""
    (port,) = free_ports(1)
    for name in VARIABLES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def system(kafka_settings, tmp_path):
    """Start registry, gateway and a worker; none is ready yet."""
    registry_port, gateway_port, worker_port = free_ports(3)
    shared = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry_port}",
    }
    registry = {
        "PNEUMO_REGISTRY_PORT": str(registry_port),
        "PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry"),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(ROOT / "models" / "baseline"),
    }
    worker = {
        "PNEUMO_WORKER_PORT": str(worker_port),
        "PNEUMO_WORKER_CACHE_DIR": str(tmp_path / "worker"),
        "PNEUMO_WORKER_FAULTS": "1",
        "PNEUMO_WORKER_SIMULATED_MS": "5",
    }
    with ExitStack() as parts:

        def start(package, port, env):
            log = tmp_path / f"{package}.log"
            return parts.enter_context(running(package, port, shared | env, log))

        yield (
            start("registry", registry_port, registry),
            start("gateway", gateway_port, {"PNEUMO_GATEWAY_PORT": str(gateway_port)}),
            start("inference_worker", worker_port, worker),
        )


async def test_a_system_becomes_ready_and_answers_though_the_proxy_is_dead(system):
    registry, gateway, worker = system
    for process in system:
        await until_ready(process)
    sample = next((ROOT / "samples").glob("NORMAL*224px.jpeg"))
    async with AsyncClient(gateway.url, retries=ONCE) as client:
        assert (await client.predict(sample, wait_s=60)).status == "succeeded"
        assert (await client.models())[0].state == "current"  # the gateway asked the registry
    async with new_registry_client(registry.url) as known:
        assert (await known.current_model()).state == "current"
    async with new_control_client(registry.url) as control:
        assert (await control.dataset()).total == 0
    assert worker.ended is False


async def until_ready(process):
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(150):
        while not await is_ready(http, process):
            assert not process.ended, process.log[-3000:]
            await asyncio.sleep(0.1)


async def is_ready(http, process):
    try:
        return (await http.get(f"{process.url}/health/ready")).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.0.0.9"])
def test_the_client_asks_no_proxy_for_this_machine(host, dead_proxy):
    with httpx.Client(**http_options(f"http://{host}:1", None, 1)) as http:
        assert proxy_of(http, f"http://{host}:1/status") is None
    address = Address(url=f"http://{host}:1")
    client = address.async_client(connections=1, retries=ONCE, timeout_s=1)
    assert isinstance(client._http._transport, SingleConnectionPool)


def test_the_client_asks_the_proxy_for_another_machine(dead_proxy):
    with httpx.Client(**http_options("http://gateway.example", None, 1)) as http:
        assert proxy_of(http, "http://gateway.example/status") == dead_proxy
    with Client("http://gateway.example", retries=ONCE) as client:
        assert proxy_of(client._http, "http://gateway.example/status") == dead_proxy


def proxy_of(http, url):
    """Give the address of the proxy that a client would ask for a URL; None: none."""
    pool = http._transport_for_url(httpx.URL(url))._pool
    proxy = getattr(pool, "_proxy_url", None)
    return None if proxy is None else bytes(proxy).decode().rstrip("/")


async def test_files_in_a_store_that_speaks_http_go_through_no_proxy(bucket_url, s3_endpoint):
    """Over plain HTTP a proxy would read every radiograph."""
    bucket = open_bucket(bucket_url, s3_endpoint, answer_s=20)
    await bucket.put("image", b"a radiograph")
    assert await bucket.load("image") == b"a radiograph"
