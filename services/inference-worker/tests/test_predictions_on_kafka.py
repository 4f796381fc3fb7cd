"""The worker's promises about delivery, on a real broker."""

import asyncio

import pytest

from shared.contracts.models import WorkerStatus
from shared.kafka.clients import new_consumer, started
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka


async def test_each_request_is_answered_once_and_its_offset_committed(stage, new_request):
    sent = [(new_request(), new_jpeg(seed=n)) for n in range(40)]
    late = new_request(deadline_ms=1)
    broken = new_request()
    async with stage.worker() as worker:
        await stage.send([*sent, (late, new_jpeg()), (broken, b"no image")])
        found = await stage.outcomes(42)
    by_id = {o.id: o.status for o in found}
    assert len(found) == len(by_id) == 42
    assert by_id[late.id] == "expired"
    assert by_id[broken.id] == "failed"
    assert all(by_id[headers.id] == "succeeded" for headers, _ in sent)
    assert await stage.uncommitted() == 0
    counted = worker.metrics_registry.get_sample_value
    named = {"version": "1", "label": "pneumonia"}
    assert counted("pneumo_predicted_labels_total", named) == 40
    assert counted("pneumo_model_swap_seconds_count") == 1


async def test_a_record_that_is_no_request_costs_nobody_else_an_answer(stage, new_request):
    good = new_request()
    foreign = [([("id", b"\xff\xfe\xfd")], b"?"), ([("schema", b"other/1")], None), ([], b"")]
    await stage.send([(good, new_jpeg()), *foreign])
    async with stage.worker():
        assert [o.id for o in await stage.outcomes(1)] == [good.id]
        await stage.until_committed()


async def test_requests_sent_before_any_worker_lived_are_answered(stage, new_request):
    sent = [new_request() for _ in range(5)]
    await stage.send([(headers, new_jpeg()) for headers in sent])
    async with stage.worker():
        found = await stage.outcomes(5)
    assert {o.id for o in found} == {headers.id for headers in sent}


async def test_a_worker_that_leaves_puts_its_tombstone(stage):
    async with stage.worker("worker-7"):
        await asyncio.sleep(0.3)  # longer than the worker takes to notice that it is ready
    consumer = new_consumer(stage.settings, client_id="test")
    consumer.subscribe([stage.topic("workers.status")])
    records = []
    async with started(consumer), asyncio.timeout(20):
        while not records or records[-1].value is not None:
            batches = await consumer.getmany(timeout_ms=200)
            records += [r for rs in batches.values() for r in rs]
    assert {r.key for r in records} == {b"worker-7"}
    spoken = [WorkerStatus.model_validate_json(r.value) for r in records[:-1]]
    assert any(s.ready and s.version == "1" and s.partitions == 24 for s in spoken)
