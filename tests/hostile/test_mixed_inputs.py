"""Hostile images in a row, through a real gateway and real workers, beside an ordinary client."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import httpx
import pytest

from embedded.ports import free_ports
from shared.int8_support import int8_options
from shared.testing import hostile_images as hostile
from shared.testing.processes import ServiceProcess, running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
WORKERS = 2
FLOAT_MIB = 200 if int8_options() else 0
"""What the engine takes more where it runs in float32: 450 MiB after its start instead of 253."""
WORKER_MIB, GATEWAY_MIB = 450 + FLOAT_MIB, 250
SAMPLE = next((ROOT / "samples").glob("*224px*.jpeg"))
TYPED = {400, 413, 415, 422}
REFUSED: tuple[Callable[[], bytes], ...] = (
    lambda: hostile.with_exif_flood(60_000),
    lambda: hostile.with_comment_flood(1_500_000),
    lambda: hostile.with_restart_flood(3_000_000),
    lambda: hostile.with_chunk_flood(500_000),
    lambda: hostile.with_pixel_chunk_flood(500_000),
    lambda: hostile.with_sub_block_flood(3_000_000),
    lambda: hostile.with_tag_flood(60_000),
    lambda: hostile.with_strip_flood(1_000_000),
    lambda: hostile.progressive_scan_flood(300),
    lambda: hostile.progressive_scan_flood(1, marker=0xCA),
    lambda: hostile.new_blank_png("RGBA"),
    hostile.new_run_length_bmp,
)
DECODED = tuple(hostile.WORST_ADMITTED.values())


@dataclass(frozen=True)
class Stack:
    gateway: ServiceProcess
    workers: list[ServiceProcess]


@pytest.fixture
def stack(kafka_settings, tmp_path) -> Iterator[Stack]:
    registry_port, gateway_port, *worker_ports = free_ports(2 + WORKERS)
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
    with ExitStack() as parts:

        def start(package: str, port: int, env: dict[str, str]) -> ServiceProcess:
            log = tmp_path / f"{package}-{port}.log"
            return parts.enter_context(running(package, port, shared | env, log))

        started = [start("registry", registry_port, registry)]
        started += [start("gateway", gateway_port, {"PNEUMO_GATEWAY_PORT": str(gateway_port)})]
        for port in worker_ports:
            cache = str(tmp_path / f"worker-{port}")
            env = {"PNEUMO_WORKER_PORT": str(port), "PNEUMO_WORKER_CACHE_DIR": cache}
            started += [start("inference_worker", port, env)]
        for process in started:
            process.wait_ready()
        yield Stack(started[1], started[2:])


def resident_mib(process: ServiceProcess) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


async def predict(client: httpx.AsyncClient, image: bytes) -> httpx.Response:
    """Ask until there is room: a gateway says that it is full, and when to come again."""
    headers = {"Content-Type": "application/octet-stream", "Prefer": "wait=60"}
    while True:
        response = await client.post("/v1/predictions", content=image, headers=headers)
        if response.status_code != 503 or response.json()["code"] != "overloaded":
            return response
        await asyncio.sleep(int(response.headers["retry-after"]))


async def send_in_a_row(client: httpx.AsyncClient, images: Sequence[bytes]) -> None:
    for image in images:
        response = await predict(client, image)
        assert response.status_code in {200, *TYPED}, response.text
        if not response.is_success:
            assert response.headers["content-type"] == "application/problem+json"


async def ask_beside(client: httpx.AsyncClient, done: asyncio.Event) -> int:
    answered = 0
    while not done.is_set():
        response = await predict(client, SAMPLE.read_bytes())
        assert response.status_code == 200, response.text
        answered += 1
    return answered


@pytest.mark.parametrize("count", [24, pytest.param(300, marks=pytest.mark.faults)])
async def test_hostile_images_in_a_row_cost_nobody_else_anything(stack, count):
    # One that is refused and one that is decoded, by turns.
    kinds = [
        make for pair in zip(cycle(REFUSED), DECODED, strict=False) for make in (pair[0], pair[1])
    ]
    wanted = list(islice(cycle(kinds), count))
    made = {make: make() for make in set(wanted)}
    images = [made[make] for make in wanted]
    pids = [process.pid for process in (stack.gateway, *stack.workers)]
    done = asyncio.Event()
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=90) as client:
        beside = asyncio.create_task(ask_beside(client, done))
        try:
            await send_in_a_row(client, images)
        finally:
            done.set()
        assert await beside > 0
    for process, pid in zip((stack.gateway, *stack.workers), pids, strict=True):
        assert not process.ended, process.log[-3000:]
        assert process.pid == pid
        assert "Traceback" not in process.log
    assert max(map(resident_mib, stack.workers)) <= WORKER_MIB
    assert resident_mib(stack.gateway) < GATEWAY_MIB
