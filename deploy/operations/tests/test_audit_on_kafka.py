"""The auditor against a real broker: what lies there, and what comes while it waits."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from typer.testing import CliRunner

from operations.__main__ import app
from operations.main.audit import new_auditor
from operations.ports import TopicUnreadableError
from shared.clock import SystemClock, new_id
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Failed, ModelRef, Succeeded
from shared.kafka.clients import new_producer, started
from shared.kafka.settings import KafkaSettings

pytestmark = pytest.mark.kafka


class Topics:
    """Writes what a gateway and a worker would write."""

    def __init__(self, producer, settings: KafkaSettings) -> None:
        self._producer, self._settings = producer, settings
        self._prefix = settings.topic_prefix
        self.places: dict[str, tuple[int, int]] = {}

    @asynccontextmanager
    async def _admin(self):
        admin = AIOKafkaAdminClient(**self._settings.client_options())
        await admin.start()
        yield admin
        await admin.close()

    async def accept(
        self, *, wait_s: float = 60.0, id_: str | None = None, partition: int | None = None
    ) -> str:
        id_ = id_ or new_id()
        headers = RequestHeaders(id=id_, deadline_ms=SystemClock().now_ms() + int(wait_s * 1e3))
        record = await self._producer.send_and_wait(
            f"{self._prefix}predict.requests",
            key=id_.encode(),
            value=b"\xff" * 1_000,
            headers=headers.to_kafka(),
            partition=partition,
        )
        self.places[id_] = (record.partition, record.offset)
        return id_

    async def enter(self, id_: str) -> None:
        entry = AcceptedRequest(id_, SystemClock().now_ms() - 1, self.places[id_][0], 0)
        await self._producer.send_and_wait(
            f"{self._prefix}predict.accepted", key=id_.encode(), headers=entry.to_kafka()
        )

    async def delete_first_requests(self, *ids: str) -> None:
        """Cut their partition off behind these."""
        topic = f"{self._prefix}predict.requests"
        for id_ in ids:
            partition, offset = self.places[id_]
            where = TopicPartition(topic, partition)
            async with self._admin() as admin:
                await admin.delete_records({where: RecordsToDelete(before_offset=offset + 1)})

    async def drop_entries(self) -> None:
        async with self._admin() as admin:
            await admin.delete_topics([f"{self._prefix}predict.accepted"])

    async def tell(self, outcome) -> None:
        await self._producer.send_and_wait(
            f"{self._prefix}predict.results", key=outcome.id.encode(), value=outcome.to_bytes()
        )


@pytest.fixture
async def topics(kafka_settings):
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        yield Topics(producer, kafka_settings)


def viral(id_: str) -> Succeeded:
    model = ModelRef(name="m", version="1")
    return Succeeded(id=id_, label="viral", confidence=1, probabilities={"viral": 1}, model=model)


def undecodable(id_: str) -> Failed:
    return Failed(id=id_, code=ErrorCode.UNDECODABLE, detail="no")


def window(settings: KafkaSettings, **options):
    return new_auditor(settings, since_ms=SystemClock().now_ms() - 60_000, **options)


async def test_what_lies_on_the_topics_is_counted(kafka_settings, topics):
    ids = [await topics.accept() for _ in range(4)]
    await topics.tell(viral(ids[0]))
    await topics.tell(undecodable(ids[1]))
    await topics.tell(undecodable(ids[1]))
    await topics.tell(Expired(id=ids[2], deadline_ms=1))
    async with window(kafka_settings) as auditor:
        report = await auditor.look()
    assert (report.accepted, report.succeeded, report.expired, report.pending) == (4, 1, 1, 1)
    assert (report.failed, report.repeated) == ({"undecodable": 1}, 1)
    assert report.sound


async def test_it_waits_for_what_is_pending_and_reads_on(kafka_settings, topics):
    id_ = await topics.accept()
    async with window(kafka_settings) as auditor:
        assert (await auditor.look()).pending == 1
        settling = asyncio.create_task(auditor.look_until_settled())
        other = await topics.accept()
        await topics.tell(viral(id_))
        await topics.tell(viral(other))
        async with asyncio.timeout(30):
            report = await settling
    assert (report.accepted, report.succeeded, report.pending) == (2, 2, 0)


async def test_a_lost_request_ends_the_wait_and_is_named(kafka_settings, topics):
    id_ = await topics.accept(wait_s=-1)
    async with window(kafka_settings, grace_ms=0) as auditor, asyncio.timeout(30):
        report = await auditor.look_until_settled()
    assert report.lost == (id_,)


async def test_what_retention_deleted_is_judged_by_its_entry_and_the_cut_is_named(
    kafka_settings, topics, command
):
    since_ms = SystemClock().now_ms()
    expired, lost = [await topics.accept(wait_s=-1, partition=3) for _ in range(2)]
    for id_ in (expired, lost):
        await topics.enter(id_)
    await topics.accept(partition=3)
    await topics.delete_first_requests(expired, lost)
    await topics.tell(Expired(id=expired, deadline_ms=1))
    async with new_auditor(kafka_settings, since_ms=since_ms, grace_ms=0) as auditor:
        report = await auditor.look()
    assert (report.accepted, report.deleted, report.deleted_expired) == (3, 2, 1)
    assert report.lost == (lost,)
    assert report.cut_ms >= since_ms
    done = await command("audit", "--since", "1h", "--grace", "0s")
    assert done.exit_code == 1
    assert "Retention has deleted requests" in " ".join(done.stdout.split())


async def test_a_cluster_without_entries_is_audited_by_its_requests(kafka_settings, topics):
    id_ = await topics.accept(wait_s=-1)
    await topics.drop_entries()
    async with window(kafka_settings, grace_ms=0) as auditor:
        assert (await auditor.look()).lost == (id_,)


async def test_records_before_the_window_are_not_read(kafka_settings, topics):
    await topics.accept(wait_s=-1)
    since_ms = SystemClock().now_ms() + 1
    async with new_auditor(kafka_settings, since_ms=since_ms, grace_ms=0) as auditor:
        await topics.accept()
        report = await auditor.look()
    assert (report.accepted, report.lost) == (1, ())


@pytest.fixture
def command(kafka_settings, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_settings.bootstrap_servers)
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", kafka_settings.topic_prefix)

    async def run(*arguments: str):
        return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))

    return run


async def test_the_command_says_sound_and_ends_with_0(command, topics):
    await topics.tell(viral(await topics.accept()))
    done = await command("audit", "--since", "1m", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["sound"], report["accepted"], report["succeeded"]) == (True, 1, 1)


async def test_the_command_names_what_is_lost_and_contradicted_and_ends_with_1(command, topics):
    lost, told_twice = await topics.accept(wait_s=-1), await topics.accept()
    await topics.tell(viral(told_twice))
    await topics.tell(undecodable(told_twice))
    done = await command("audit", "--grace", "0s", "--wait")
    assert done.exit_code == 1
    assert "NOT SOUND" in done.stdout
    assert lost in done.stdout
    assert told_twice in done.stdout


async def test_what_is_read_on_for_a_while_is_judged_at_its_end(command, topics):
    following = asyncio.create_task(command("audit", "--since", "1m", "--follow", "2s", "--json"))
    for _ in range(20):
        await topics.tell(viral(await topics.accept()))
    done = await following
    assert json.loads(done.stdout)["succeeded"] == 20


@pytest.mark.parametrize("since", ["61m", "soon"])
async def test_a_window_that_cannot_be_read_is_refused(command, since):
    done = await command("audit", "--since", since)
    assert done.exit_code == 2
    assert "--since" in done.stderr or "span of time" in done.stderr


def test_a_broker_that_is_away_is_one_sentence(monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    done = CliRunner().invoke(app, ["audit"])
    assert done.exit_code == 1
    assert done.stderr.startswith("operations: cannot reach Kafka at 127.0.0.1:1")
    assert "Traceback" not in done.stderr


async def test_topics_that_are_not_there_are_one_sentence(kafka_settings):
    elsewhere = kafka_settings.model_copy(update={"topic_prefix": "nowhere."})
    with pytest.raises(TopicUnreadableError, match=r"no topic nowhere\.predict\.requests"):
        async with new_auditor(elsewhere, since_ms=0):
            pass
