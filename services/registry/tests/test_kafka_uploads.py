"""What only a real broker can show of uploads: each is kept once, whatever dies in between."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition

from embedded.kafka.process import RestartableBroker
from registry.adapters.kafka_uploads import GROUP, new_open_uploads
from registry.main import build
from registry.ports import UploadRecord
from registry.settings import Settings
from shared.contracts.topics import ALL_TOPICS, UPLOADS_LABELLED
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings
from shared.testing.bundles import sha256_hex

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

MakeUpload = Callable[..., UploadRecord]

CONTENT = b"a radiograph"
SHA256 = sha256_hex(CONTENT)
IMAGE = f"/v1/dataset/images/{SHA256}"


async def _send(kafka: KafkaSettings, *records: UploadRecord) -> None:
    producer = new_producer(kafka, client_id="test")
    await producer.start()
    try:
        topic = f"{kafka.topic_prefix}{UPLOADS_LABELLED.name}"
        await asyncio.gather(
            *(
                producer.send_and_wait(
                    topic, key=record.key, value=record.value, headers=list(record.headers)
                )
                for record in records
            )
        )
    finally:
        await producer.stop()


async def _settled(kafka: KafkaSettings, count: int) -> None:
    """Return once the group has committed `count` records."""
    consumer = new_consumer(kafka, client_id="test", group_id=f"{kafka.topic_prefix}{GROUP}")
    topic = f"{kafka.topic_prefix}{UPLOADS_LABELLED.name}"
    partitions = [TopicPartition(topic, n) for n in range(UPLOADS_LABELLED.partitions)]
    consumer.assign(partitions)
    async with started(consumer), asyncio.timeout(150):
        while sum([await consumer.committed(p) or 0 for p in partitions]) < count:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _registry(settings: Settings, kafka: KafkaSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with build(settings.model_copy(update={"kafka": kafka})) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http


def _files(settings: Settings) -> list[str]:
    folder: Path = settings.data_dir / "retrain_data"
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def _effect(http: httpx.AsyncClient, effect: str) -> float:
    start = f'pneumo_registry_uploads_total{{effect="{effect}"}} '
    lines = (await http.get("/metrics")).text.splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(start)), 0.0)


async def test_uploads_are_kept_once_and_their_offsets_committed(
    settings: Settings, kafka_settings: KafkaSettings, upload: MakeUpload
) -> None:
    async with _registry(settings, kafka_settings) as http:
        await asyncio.gather(*(_send(kafka_settings, upload(CONTENT)) for _ in range(3)))
        others = [upload(f"image {n}".encode()) for n in range(20)]
        await _send(kafka_settings, *others, upload(b"x", key=b"y"), upload(CONTENT, "viral"))
        await _settled(kafka_settings, 25)
        assert (await http.get("/v1/dataset")).json()["total"] == 21
        assert (await http.get(f"{IMAGE}/content")).content == CONTENT
        assert (await http.get(IMAGE)).json()["conflict"] == ["viral"]
        assert sorted(_files(settings)) == sorted(
            sha256_hex(content) for content in (CONTENT, *(r.value or b"" for r in others))
        )
    async with _registry(settings, kafka_settings) as http:
        await _send(kafka_settings, upload(CONTENT))
        await _settled(kafka_settings, 26)
        while await _effect(http, "duplicate") < 1:
            await asyncio.sleep(0.02)
        assert await _effect(http, "duplicate") == 1  # nothing of before came again
        assert await _effect(http, "stored") == 0
        assert "pneumo_registry_uploads_waiting 0.0" in (await http.get("/metrics")).text


_SENDS_WHAT_NOBODY_DECODES = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class Name(str):
    def encode(self, *_):
        return b"\\xff"

async def main():
    producer = AIOKafkaProducer(bootstrap_servers=sys.argv[1])
    await producer.start()
    for partition in (0, 3):
        headers = [(Name("name"), b"")]
        await producer.send_and_wait(sys.argv[2], b"value", partition=partition, headers=headers)
    await producer.stop()

asyncio.run(main())
"""


async def test_a_record_that_no_client_decodes_is_passed_by_and_takes_no_other_with_it(
    settings: Settings, kafka_settings: KafkaSettings, upload: MakeUpload
) -> None:
    def some(name: str) -> list[UploadRecord]:
        return [upload(f"{name} {n}".encode()) for n in range(12)]

    topic = f"{kafka_settings.topic_prefix}{UPLOADS_LABELLED.name}"
    command = [sys.executable, "-c", _SENDS_WHAT_NOBODY_DECODES]
    command += [kafka_settings.bootstrap_servers, topic]
    pure = os.environ | {"AIOKAFKA_NO_EXTENSIONS": "1"}  # the compiled half checks its types
    await _send(kafka_settings, *some("before"))
    await asyncio.to_thread(subprocess.run, command, env=pure, check=True)
    await _send(kafka_settings, *some("after"))
    async with _registry(settings, kafka_settings) as http:
        await _settled(kafka_settings, 26)
        while await _effect(http, "unreadable") < 2:
            await asyncio.sleep(0.02)
        assert (await http.get("/v1/dataset")).json()["total"] == 24


_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path

from registry.adapters.images_disk import DiskImages
from registry.adapters.kafka_uploads import KafkaUploads
from registry.adapters.store.transaction import SqlTransaction
from registry.main import build
from registry.settings import Settings

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

point = sys.argv[1]
if point == "before the file's name":
    Path.replace = die
elif point == "between file and row":
    SqlTransaction.add_image = die
elif point == "between row and offset":
    KafkaUploads.commit = die

async def main():
    async with build(Settings(data_dir=Path(sys.argv[2]))):
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "point", ["before the file's name", "between file and row", "between row and offset"]
)
async def test_killed_anywhere_an_upload_is_kept_once(
    settings: Settings, kafka_settings: KafkaSettings, upload: MakeUpload, point: str
) -> None:
    await _send(kafka_settings, upload(CONTENT))
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
    }
    command = [sys.executable, "-c", _CHILD, point, str(settings.data_dir)]
    killed = await asyncio.to_thread(
        subprocess.run, command, env=environment, check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    before = _files(settings)
    assert (SHA256 in before) == (point != "before the file's name")

    async with _registry(settings, kafka_settings) as http:
        await _settled(kafka_settings, 1)
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        assert (await http.get(f"{IMAGE}/content")).content == CONTENT
        effect = "duplicate" if point == "between row and offset" else "stored"
        assert await _effect(http, effect) == 1
    assert _files(settings) == [SHA256]


@pytest.mark.parametrize("absence", ["stopped", "frozen"])
async def test_uploads_go_on_when_the_broker_is_back(
    settings: Settings, restartable_broker: RestartableBroker, upload: MakeUpload, absence: str
) -> None:
    kafka = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    leave, come_back = {
        "stopped": (restartable_broker.stop, restartable_broker.start),
        "frozen": (restartable_broker.pause, restartable_broker.resume),
    }[absence]
    quick = settings.model_copy(update={"publish_timeout_s": 5.0})
    await asyncio.to_thread(leave)
    async with _registry(quick, kafka) as http:  # it starts, and is ready, without a broker
        assert (await http.get("/health/ready")).is_success
        await asyncio.to_thread(come_back)
        await create_topics(kafka, ALL_TOPICS)  # and without the topic
        await _send(kafka, upload(CONTENT))
        await _settled(kafka, 1)
        await asyncio.to_thread(leave)
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        assert (await http.get("/health/ready")).is_success
        await asyncio.to_thread(come_back)
        await _send(kafka, upload(b"another"))
        await _settled(kafka, 2)
        assert (await http.get("/v1/dataset")).json()["total"] == 2


async def test_a_consumer_to_which_nothing_comes_is_given_up_if_there_is_something(
    kafka_settings: KafkaSettings, upload: MakeUpload
) -> None:
    async with new_open_uploads(kafka_settings, timeout_s=10, quiet_polls=1)() as feed:
        assert await feed.take() == []
        consumer = feed._consumer  # type: ignore[attr-defined]
        consumer.pause(*consumer.assignment())  # stands for a consumer that hangs
        assert await feed.take() == []
        await _send(kafka_settings, upload(CONTENT))
        with pytest.raises(BrokerUnavailableError, match="nothing comes"):
            await feed.take()
