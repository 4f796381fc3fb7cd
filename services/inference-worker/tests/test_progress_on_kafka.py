"""A consumer that hangs ends its worker; one that is idle, or without a broker, does not."""

import asyncio

import pytest

from inference_worker.adapters.offsets import KafkaOffsets
from inference_worker.ports import StuckConsumerError
from inference_worker.subscribers.progress import SelfCheck
from shared.contracts.topics import PREDICT_REQUESTS
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka


async def test_a_consumer_that_gets_nothing_although_there_is_more_ends_its_worker(
    stage, new_request
):
    async with stage.parts(stuck_after_s=0.3) as worker:
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        await stage.until(lambda: all(worker.readiness().values()))
        consumer = worker.predictions._consumer
        consumer.pause(*consumer.assignment())
        await stage.send([(new_request(), new_jpeg())])
        with pytest.raises(ExceptionGroup) as ended:
            async with asyncio.timeout(60):
                await running
        assert ended.group_contains(StuckConsumerError)
    # It did not leave in good order, and its successor answers.
    async with stage.worker():
        assert len(await stage.outcomes(1)) == 1


async def test_an_idle_consumer_is_not_stuck(stage, new_request):
    looks = []

    class Watched(KafkaOffsets):
        async def bounds(self, partitions):
            bounds = await super().bounds(partitions)
            looks.append(bounds)
            return bounds

    consumer = new_consumer(stage.settings, client_id="test", group_id="idle")
    consumer.subscribe([stage.topic("predict.requests")])
    await stage.send([(new_request(), new_jpeg())])
    async with started(consumer):
        while not await consumer.getmany(timeout_ms=200):
            pass
        offsets = Watched(stage.settings, client_id="test", group_id="idle")
        check = SelfCheck(consumer, offsets, every_s=0.05, polls=lambda: 0, is_free=lambda: True)
        checking = asyncio.create_task(check.run())
        await stage.until(lambda: len(looks) > 3 or checking.done())
        assert not checking.done()
        checking.cancel()


async def test_a_broker_that_is_away_makes_nobody_stuck_and_comes_back(
    restartable_broker, tmp_path, new_request, new_stage
):
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(settings)
    stage = new_stage(settings, tmp_path)
    async with stage.worker(stuck_after_s=0.2, publish_timeout_s=1) as worker:
        await stage.send([(new_request(), new_jpeg())])
        await stage.outcomes(1)
        await asyncio.to_thread(restartable_broker.stop)
        offsets = KafkaOffsets(settings, client_id="test", group_id="inference-worker")
        for _ in range(3):
            with pytest.raises(BrokerUnavailableError):
                await offsets.bounds([("predict.requests", 0)])
        await asyncio.to_thread(restartable_broker.start)
        requests = [(new_request(), new_jpeg(seed=n)) for n in range(PREDICT_REQUESTS.partitions)]
        await stage.send(requests)
        found = await stage.outcomes(1 + len(requests))
        assert {headers.id for headers, _ in requests} <= {o.id for o in found}
        assert worker.predictions.assigned == PREDICT_REQUESTS.partitions
