"""An outcome whose registry is killed: told again, it is one promotion, and the topics say so."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition

from registry.main import build
from registry.settings import Settings
from shared.contracts.models import ModelPromoted
from shared.contracts.topics import MODELS_EVENTS, TRAIN_EVENTS, TopicSpec
from shared.contracts.train import GateReport, JobOutcome, TrainEvent
from shared.kafka.clients import new_consumer, started
from shared.kafka.settings import KafkaSettings

pytestmark = pytest.mark.kafka

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]
Fill = Callable[..., Any]

ID = "01234567-89ab-7def-8123-456789abcdef"
JOB = f"/v1/jobs/{ID}"
GATE = GateReport(accepted=True, checks=(), current_version="v1", images=9)
OUTCOME = JobOutcome(holder="t", state="succeeded", gate=GATE, model_version="v2").to_bytes()

_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path

import httpx

from registry.adapters.store.sql_store import SqlStore
from registry.adapters.store.transaction import SqlTransaction
from registry.main import build
from registry.settings import Settings

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def arm(point):
    if point == "between promotion and job":
        SqlTransaction.save_job = die
    elif point == "before the commit":
        enqueue = SqlTransaction.enqueue
        def enqueue_and_die(tx, event, now_ms):
            enqueue(tx, event, now_ms)
            if event.topic == "train.events":
                die()
        SqlTransaction.enqueue = enqueue_and_die
    elif point == "after the commit":
        write = SqlStore.write
        async def write_and_die(store, work):
            await write(store, work)
            die()
        SqlStore.write = write_and_die
    elif point == "before the mark":
        SqlTransaction.mark_sent = die

async def main():
    async with build(Settings(data_dir=Path(sys.argv[2]))) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            while "outbox_unsent 0.0" not in (await http.get("/metrics")).text:
                await asyncio.sleep(0.01)
            arm(sys.argv[1])
            await http.post(sys.argv[3], content=sys.argv[4].encode())
            await asyncio.sleep(60)

asyncio.run(main())
"""


async def _read(kafka: KafkaSettings, topic: TopicSpec) -> list[bytes]:
    """Give all values of a topic."""
    consumer = new_consumer(kafka, client_id="test")
    values: list[bytes] = []
    async with started(consumer), asyncio.timeout(30):
        partition = TopicPartition(f"{kafka.topic_prefix}{topic.name}", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            values.append((await consumer.getone()).value or b"")
    return values


async def _read_when(kafka: KafkaSettings, topic: TopicSpec, has: bytes) -> list[bytes]:
    """Give all values of a topic as soon as it has this one."""
    async with asyncio.timeout(60):
        while has not in b"".join(values := await _read(kafka, topic)):
            await asyncio.sleep(0.05)
    return values


@pytest.mark.parametrize(
    "point",
    ["between promotion and job", "before the commit", "after the commit", "before the mark"],
)
async def test_an_outcome_killed_anywhere_promotes_once(
    registry: Registry,
    settings: Settings,
    kafka_settings: KafkaSettings,
    add_model: AddModel,
    fill: Fill,
    point: str,
) -> None:
    async with registry() as http:
        await fill(http, 4)
        for version in ("v1", "v2"):
            await add_model(http, version)
        await http.post("/v1/models/v1/promote")
        (await http.post("/v1/jobs", json={"id": ID})).raise_for_status()
        (await http.post(f"{JOB}/lease", json={"holder": "t", "ttl_s": 600})).raise_for_status()
    await _die(settings.data_dir, kafka_settings, point)

    async with build(settings.model_copy(update={"kafka": kafka_settings})) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            is_committed = point in ("after the commit", "before the mark")
            before = (await http.get(JOB)).json()["state"]
            assert before == ("succeeded" if is_committed else "running")
            for _ in range(2):
                told = await http.post(f"{JOB}/outcome", content=OUTCOME)
                assert (told.status_code, told.json()["state"]) == (200, "succeeded")
            models = (await http.get("/v1/models")).json()["models"]
            assert {m["version"]: m["state"] for m in models} == {"v1": "retired", "v2": "current"}
            events = await _read_when(kafka_settings, TRAIN_EVENTS, b'"succeeded"')
            promotions = await _read_when(kafka_settings, MODELS_EVENTS, b'"v2"')
            # One promotion: behind it is v1's, and behind that is nothing.
            back = await http.post("/v1/models/rollback?from_version=v2")
            assert back.json()["version"] == "v1"
            assert (await http.post("/v1/models/rollback")).status_code == 409
    # Repeated to the byte where the mark was lost, and never another word.
    ends = {value for value in events if b'"succeeded"' in value}
    assert [TrainEvent.model_validate_json(v).model_version for v in ends] == ["v2"]
    versions = [ModelPromoted.model_validate_json(v).version for v in sorted(set(promotions))]
    assert sorted(versions) == ["v1", "v2"]
    assert b'"v2"' in promotions[-1]


async def _die(data_dir: Path, kafka: KafkaSettings, point: str) -> None:
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }
    arguments = [point, str(data_dir), f"{JOB}/outcome", OUTCOME.decode()]
    command = [sys.executable, "-c", _CHILD, *arguments]
    killed = await asyncio.to_thread(
        subprocess.run, command, env=environment, check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
