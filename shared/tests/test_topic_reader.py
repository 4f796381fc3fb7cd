"""Readers without a group, on a real broker: nothing skipped, whatever happens to them."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.settings import KafkaSettings
from shared.kafka.topic_reader import StartAt, TopicReader, _Patience, _StuckError

TOPIC = "predict.results"


class Reading:
    """A reader under way: what it was given, and the consumers that it has used."""

    def __init__(self, settings, start_at):
        self.got = []
        self.consumers = []
        self.reader = TopicReader(
            lambda: self._new_consumer(settings),
            f"{settings.topic_prefix}{TOPIC}",
            lambda record: self.got.append(record.value.decode()),
            start_at=start_at,
            quiet_s=0.1,
        )

    def _new_consumer(self, settings):
        self.consumers.append(new_consumer(settings, client_id="reader"))
        return self.consumers[-1]

    async def until(self, count):
        async with asyncio.timeout(60):
            while len(self.got) < count:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def reading(settings, start_at=StartAt.END):
    under_way = Reading(settings, start_at)
    task = asyncio.create_task(under_way.reader.run())
    async with asyncio.timeout(30):
        await under_way.reader.caught_up.wait()
    yield under_way
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def send(settings, *words):
    # Keys spread the words over the partitions; each partition keeps its order.
    async with started(new_producer(settings, client_id="writer")) as producer:
        for word in words:
            topic = f"{settings.topic_prefix}{TOPIC}"
            await producer.send_and_wait(topic, key=word.encode(), value=word.encode())


@pytest.mark.kafka
@pytest.mark.parametrize("start_at", [StartAt.END, StartAt.BEGINNING])
async def test_a_reader_that_gets_nothing_goes_on_with_a_new_consumer(kafka_settings, start_at):
    early = [f"early-{n}" for n in range(5)]
    words = [f"word-{n}" for n in range(40)]
    await send(kafka_settings, *early)
    before = early if start_at is StartAt.BEGINNING else []
    async with reading(kafka_settings, start_at) as under_way:
        await send(kafka_settings, *words[:20])
        await under_way.until(len(before) + 20)
        under_way.consumers[0].pause(*under_way.consumers[0].assignment())
        await send(kafka_settings, *words[20:])
        await under_way.until(len(before) + 40)
    assert sorted(under_way.got) == sorted(before + words)
    assert len(under_way.consumers) == 2


@pytest.mark.kafka
async def test_a_reader_stuck_before_its_first_record_does_not_begin_at_the_end(kafka_settings):
    async with reading(kafka_settings) as under_way:
        under_way.consumers[0].pause(*under_way.consumers[0].assignment())
        await send(kafka_settings, "first")
        await under_way.until(1)
    assert under_way.got == ["first"]


@pytest.mark.kafka
async def test_a_reader_outlives_a_restart_and_a_freeze_of_its_broker(restartable_broker):
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(settings)
    async with reading(settings) as under_way:
        await send(settings, "before")
        await under_way.until(1)
        await asyncio.to_thread(restartable_broker.stop)
        await asyncio.to_thread(restartable_broker.start)
        await send(settings, "restarted")
        await under_way.until(2)
        restartable_broker.pause()
        sending = asyncio.create_task(send(settings, "thawed"))
        await asyncio.sleep(0)
        restartable_broker.resume()
        await sending
        await under_way.until(3)
    assert under_way.got == ["before", "restarted", "thawed"]


class Standing:
    """A consumer of two partitions that stands where it is put."""

    def __init__(self, positions, ends):
        self.positions, self.ends = positions, ends

    def assignment(self):
        return {TopicPartition("t", n) for n in range(2)}

    async def end_offsets(self, partitions):
        if self.ends is None:
            raise KafkaConnectionError("gone")
        return {p: self.ends[p.partition] for p in partitions}

    async def position(self, partition):
        return self.positions[partition.partition]


@pytest.mark.parametrize(
    ("looks", "stuck"),
    [
        ([((5, 7), (5, 7)), ((5, 7), (5, 7))], False),
        ([((5, 7), (9, 7)), ((5, 7), (9, 7))], True),
        ([((5, 7), (9, 7)), ((6, 7), (9, 7))], False),
        ([((5, 7), (9, 7)), ((6, 7), (9, 7)), ((6, 7), (9, 7))], True),
        ([((5, 7), (9, 7)), ((5, 7), None), ((5, 7), (9, 7))], False),
        ([((5, 7), (9, 8)), ((9, 7), (9, 8))], True),
    ],
)
async def test_stuck_is_who_has_more_before_it_and_does_not_move(looks, stuck):
    consumer = Standing((0, 0), (0, 0))
    patience = _Patience(consumer, quiet_s=0)
    *early, last = looks
    for consumer.positions, consumer.ends in early:
        await patience.note(got_some=False)
    consumer.positions, consumer.ends = last
    if stuck:
        with pytest.raises(_StuckError):
            await patience.note(got_some=False)
    else:
        await patience.note(got_some=False)


async def test_whoever_gets_something_is_not_stuck():
    consumer = Standing((5, 7), (9, 7))
    patience = _Patience(consumer, quiet_s=0)
    for got_some in (False, True, False):
        await patience.note(got_some=got_some)
