"""Two registries over one Postgres and one bucket: one leads, and either may go."""

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition

from embedded.ports import free_ports
from shared.contracts.bundle import MANIFEST_FILE
from shared.contracts.models import ModelPromoted
from shared.contracts.topics import MODELS_EVENTS
from shared.kafka.clients import new_consumer, started
from shared.testing.images import new_jpeg

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"


@pytest.fixture
async def registries(system, postgres_url, bucket_url, s3_endpoint):
    """Two that are ready; the first of them leads."""
    kept = {
        "PNEUMO_REGISTRY_DATABASE_URL": postgres_url,
        "PNEUMO_REGISTRY_FILES_URL": bucket_url,
        "AWS_ENDPOINT_URL": s3_endpoint,
    }

    def start(name, port):
        own = {
            "PNEUMO_REGISTRY_PORT": str(port),
            "PNEUMO_REGISTRY_DATA_DIR": str(system.folder / name),
        }
        system.registry_port = port
        return system.start_registry(**kept, **own)

    places = list(zip("ab", free_ports(2), strict=True))
    both = [start(*place) for place in places]
    await asyncio.to_thread(system.ready, *both)
    await until(both, lambda leads: sum(leads) == 1)
    if not await leads(both[0]):
        both.reverse()
        places.reverse()
    # Gateway and worker know the one that only follows.
    system.registry_port = places[1][1]
    return both, lambda: start(*places[0])


async def leads(registry) -> bool:
    async with httpx.AsyncClient(base_url=registry.url, timeout=2) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    return "pneumo_registry_leader 1.0" in lines


async def until(registries, holds) -> None:
    async with asyncio.timeout(60):
        while not holds([await leads(each) for each in registries]):
            await asyncio.sleep(0.2)


class Work:
    """Promotions and uploads, one after the other, with a note of all that was accepted."""

    def __init__(self, registry, gateway) -> None:
        self.registry, self.gateway = registry, gateway
        self.promoted: list[str] = []
        self.uploaded = 0
        self.is_over = False

    async def go_on(self) -> None:
        while not self.is_over:
            async with httpx.AsyncClient(timeout=30) as http:
                await self._promote(http, f"version-{len(self.promoted)}")
                await self._upload(http)
            await asyncio.sleep(0.3)

    async def _promote(self, http, version) -> None:
        manifest = json.loads((BUNDLE / MANIFEST_FILE).read_bytes()) | {"version": version}
        models = f"{self.registry.url}/v1/models"
        await accepted(http, models, content=json.dumps(manifest))
        await accepted(http, f"{models}/{version}/promote")
        self.promoted.append(version)

    async def _upload(self, http) -> None:
        image = {"files": ("one.jpeg", new_jpeg(seed=10_000 + self.uploaded))}
        await accepted(
            http, f"{self.gateway.url}/v1/uploads", files=image, data={"label": "NORMAL"}
        )
        self.uploaded += 1


async def accepted(http, url, **request) -> None:
    """Ask again, as a client does, while the answer is that nothing was done: 503."""
    while (response := await http.post(url, **request)).status_code == 503:
        await asyncio.sleep(0.5)
    response.raise_for_status()


async def events(kafka) -> list[ModelPromoted]:
    topic = f"{kafka.topic_prefix}{MODELS_EVENTS.name}"
    consumer = new_consumer(kafka, client_id="test")
    found = []
    async with started(consumer), asyncio.timeout(30):
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            record = await consumer.getone()
            found.append(ModelPromoted.model_validate_json(record.value))
    return found


async def test_whichever_registry_goes_no_decision_and_no_upload_is_lost(
    system, registries, new_load, judge
):
    (leader, follower), start_again = registries
    gateway, worker = system.start_gateway(), system.start_worker("worker")
    await asyncio.to_thread(system.ready, gateway, worker)
    work = Work(follower, gateway)
    async with new_load(system, rate=5).running() as load:
        working = asyncio.create_task(work.go_on())
        await asyncio.sleep(3)
        leader.kill()
        await until([follower], lambda leads: leads == [True])
        again = await asyncio.to_thread(start_again)
        await asyncio.to_thread(system.ready, again)
        await asyncio.sleep(2)
        assert [await leads(each) for each in (again, follower)] == [False, True]

        # One that sleeps through its lease: the other leads, and it finds out when it wakes.
        os.kill(follower.pid, signal.SIGSTOP)
        try:
            await until([again], lambda leads: leads == [True])
        finally:
            os.kill(follower.pid, signal.SIGCONT)
        await until([again, follower], lambda leads: leads == [True, False])
        await asyncio.sleep(2)
        work.is_over = True
        await working
        await told(system.kafka, work.promoted[-1])
        await kept(again, follower, work.uploaded)
    assert_in_order(await events(system.kafka), work.promoted)
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said, promoted=len(work.promoted), uploads=work.uploaded)


async def told(kafka, version) -> None:
    async with asyncio.timeout(60):
        while (await events(kafka))[-1].version != version:
            await asyncio.sleep(0.5)


async def kept(one, other, uploaded) -> None:
    async with httpx.AsyncClient(timeout=10) as http, asyncio.timeout(60):
        for registry in (one, other):
            while (await http.get(f"{registry.url}/v1/dataset")).json()["total"] != uploaded:
                await asyncio.sleep(0.2)


def assert_in_order(heard, promoted) -> None:
    """Every promotion was announced; read as readers do, by time, in the order of the decisions."""
    newest, order = 0, []
    for event in heard:
        if event.promoted_at_ms > newest and event.version.startswith("version-"):
            order.append(event.version)
        newest = max(newest, event.promoted_at_ms)
    assert order == promoted
