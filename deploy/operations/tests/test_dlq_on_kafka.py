"""Dead letters on a real broker, through the command line."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from typer.testing import CliRunner

from operations.__main__ import app
from shared.clock import SystemClock, new_id
from shared.contracts.dead_letters import Attempt, Cause, DeadLetter
from shared.contracts.headers import RequestHeaders, parse_request_headers
from shared.contracts.predict import ModelRef, Succeeded
from shared.kafka.clients import new_consumer, new_producer, started

pytestmark = pytest.mark.kafka

IMAGE = b"\xff\xd8 an image"
HOUR_MS = 3_600_000


@pytest.fixture
async def producer(kafka_settings):
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        yield producer


@pytest.fixture
def give_up(kafka_settings, producer):
    async def put(cause: Cause = Cause.INFERENCE_FAILED, *, age_ms: int = 0) -> str:
        id_, now_ms = new_id(), SystemClock().now_ms()
        attempts = tuple(
            Attempt(number=n, at_ms=now_ms, worker="worker-0", error="RuntimeError: [bold]no[/]")
            for n in (1, 2, 3)
        )
        request = RequestHeaders(id_, now_ms, "image/jpeg", attempt=3, explain="cam")
        letter = DeadLetter(request, cause, "Traceback: deep down", attempts, now_ms - age_ms)
        topic = f"{kafka_settings.topic_prefix}predict.dlq"
        await producer.send_and_wait(
            topic, key=id_.encode(), value=IMAGE, headers=letter.to_kafka()
        )
        return id_

    return put


@pytest.fixture
def dlq(kafka_settings, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_settings.bootstrap_servers)
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", kafka_settings.topic_prefix)

    async def run(*arguments: str, **options):
        return await asyncio.to_thread(CliRunner().invoke, app, ["dlq", *arguments], **options)

    return run


async def listed(dlq, *arguments: str) -> list[str]:
    done = await dlq("list", "--json", *arguments)
    assert done.exit_code == 0, done.output
    return [one["id"] for one in json.loads(done.stdout)]


@asynccontextmanager
async def answering(kafka_settings, producer):
    """A worker that finds every image viral; gives the list of what it was asked."""
    asked: list = []
    prefix = kafka_settings.topic_prefix
    consumer = new_consumer(kafka_settings, client_id="worker")
    consumer.subscribe([f"{prefix}predict.requests"])

    async def loop() -> None:
        async for record in consumer:
            headers = parse_request_headers(record.headers)
            asked.append((headers, record.value))
            outcome = Succeeded(
                id=headers.id,
                label="viral",
                confidence=1,
                probabilities={"viral": 1},
                model=ModelRef(name="m", version="1"),
            )
            await producer.send_and_wait(
                f"{prefix}predict.results", key=headers.id.encode(), value=outcome.to_bytes()
            )

    async with started(consumer):
        task = asyncio.create_task(loop())
        yield asked
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_dead_letters_are_listed_by_id_cause_and_time(dlq, give_up):
    old = await give_up(age_ms=2 * HOUR_MS)
    crashed = await give_up(Cause.WORKER_CRASHED)
    assert await listed(dlq) == [old, crashed]
    assert await listed(dlq, old) == [old]
    assert await listed(dlq, "--cause", "worker_crashed") == [crashed]
    assert await listed(dlq, "--since", "1h") == [crashed]
    assert await listed(dlq, "--until", "1h") == [old]
    table = await dlq("list")
    assert old in table.stdout
    assert "[bold]no[/]" in table.stdout


async def test_one_is_shown_with_its_attempts_its_stack_and_its_image(dlq, give_up, tmp_path):
    id_ = await give_up()
    saved = tmp_path / "image.jpeg"
    done = await dlq("show", id_, "--json", "--image", str(saved))
    shown = json.loads(done.stdout)
    assert shown["stack"] == "Traceback: deep down"
    assert [one["number"] for one in shown["attempts"]] == [1, 2, 3]
    assert (shown["cause"], shown["size_bytes"]) == ("inference_failed", len(IMAGE))
    assert saved.read_bytes() == IMAGE
    assert "deep down" in (await dlq("show", id_)).stdout


async def test_a_redrive_is_a_new_request_whose_outcome_is_told(
    dlq, give_up, kafka_settings, producer
):
    old = await give_up()
    async with answering(kafka_settings, producer) as asked:
        done = await dlq("redrive", old, "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)
    assert told["id"] == old
    assert told["outcome"] == "succeeded viral"
    ((headers, image),) = asked
    assert image == IMAGE
    assert (headers.id, headers.redrive_of, headers.attempt) == (told["new_id"], old, 1)
    assert (headers.content_type, headers.explain) == ("image/jpeg", "cam")
    assert headers.id != old
    assert headers.deadline_ms > SystemClock().now_ms()


async def test_what_was_redriven_is_refused_unless_again(dlq, give_up, kafka_settings, producer):
    old = await give_up()
    async with answering(kafka_settings, producer) as asked:
        first = json.loads((await dlq("redrive", "--all", "--json")).stdout)
        refused = await dlq("redrive", old)
        assert refused.exit_code == 1
        assert f"redriven already as {first[0]['new_id']}" in refused.stdout
        assert len(asked) == 1
        again = await dlq("redrive", old, "--again")
    assert again.exit_code == 0
    assert len(asked) == 2


async def test_a_redrive_that_nobody_answers_says_so(dlq, give_up):
    done = await dlq("redrive", await give_up(), "--wait", "1s")
    assert done.exit_code == 1
    assert "none in time" in done.stdout


async def test_what_is_purged_is_gone_and_the_rest_is_kept(dlq, give_up):
    kept, purged = [await give_up() for _ in range(6)], [await give_up() for _ in range(6)]
    done = await dlq("purge", *purged, "--yes")
    assert "6 purged" in done.stdout
    assert await listed(dlq) == kept
    for command in ("show", "redrive"):
        done = await dlq(command, purged[0])
        assert done.exit_code == 1
        assert f"there is no dead letter {purged[0]}" in done.stderr
    assert json.loads((await dlq("show", kept[0], "--json")).stdout)["id"] == kept[0]


async def test_no_image_is_left_once_all_is_purged(dlq, give_up, kafka_settings):
    for _ in range(6):
        await give_up()
    await dlq("purge", "--all", "--yes")
    topic = f"{kafka_settings.topic_prefix}predict.dlq"
    partitions = [TopicPartition(topic, n) for n in range(3)]
    async with started(new_consumer(kafka_settings, client_id="test")) as consumer:
        first = await consumer.beginning_offsets(partitions)
        assert first == await consumer.end_offsets(partitions)
        assert sum(first.values()) == 12  # six letters and six notes were there


async def test_a_purge_asks_first(dlq, give_up):
    id_ = await give_up()
    done = await dlq("purge", "--all", input="n\n")
    assert done.exit_code == 1
    assert await listed(dlq) == [id_]
    done = await dlq("purge", "--all", input="y\n")
    assert done.exit_code == 0
    assert await listed(dlq) == []


@pytest.mark.parametrize("command", ["redrive", "purge"])
async def test_nothing_is_meant_by_saying_nothing(dlq, command):
    done = await dlq(command)
    assert done.exit_code == 2
    assert "--all" in done.stderr
