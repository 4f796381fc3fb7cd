"""A process that was suspended for longer than a topic's retention does not read it all again."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.topic_reader import StartAt, TopicReader


class Reading:
    """A reader of predict.results that may be suspended; what it got."""

    def __init__(self, kafka, start_at):
        self.got = []
        self.topic = f"{kafka.topic_prefix}predict.results"
        self._kafka = kafka
        self._reader = TopicReader(
            lambda: new_consumer(kafka, client_id="reader"),
            self.topic,
            lambda record: self.got.append(record.value.decode()),
            start_at=start_at,
        )
        self._task = None

    async def resume(self):
        self._task = asyncio.create_task(self._reader.run())
        async with asyncio.timeout(60):
            await self._reader.caught_up.wait()

    async def suspend(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until_got(self, word):
        async with asyncio.timeout(60):
            while word not in self.got:
                await asyncio.sleep(0.02)

    async def send(self, *words):
        async with started(new_producer(self._kafka, client_id="writer")) as producer:
            for word in words:
                await producer.send_and_wait(self.topic, value=word.encode(), partition=0)

    async def delete_before(self, offset):
        admin = AIOKafkaAdminClient(**self._kafka.client_options())
        await admin.start()
        where = TopicPartition(self.topic, 0)
        await admin.delete_records({where: RecordsToDelete(before_offset=offset)})
        await admin.close()


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("start_at", "old"), [(StartAt.END, []), (StartAt.BEGINNING, ["old-2", "old-3"])]
)
async def test_a_reader_whose_next_record_was_deleted_continues_where_it_would_start(
    kafka_settings, start_at, old
):
    reading = Reading(kafka_settings, start_at)
    await reading.resume()
    await reading.send("seen")
    await reading.until_got("seen")
    await reading.suspend()
    await reading.send(*(f"old-{n}" for n in range(4)))
    await reading.delete_before(3)
    await reading.resume()
    # With each look more is sent: what comes before the reader stands at the end is old as well.
    async with asyncio.timeout(60):
        while "new" not in reading.got:
            await reading.send("new")
            await asyncio.sleep(0.05)
    await reading.suspend()
    assert [word for word in reading.got if word != "new"] == ["seen", *old]
