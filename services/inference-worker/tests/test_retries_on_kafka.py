"""A failed attempt is made again, later; what fails for good is a dead letter and an answer."""

import pytest

from shared.clock import SystemClock
from shared.contracts.dead_letters import Cause, parse_dead_letter
from shared.contracts.errors import ErrorCode
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka
RETRY = {"topic": "predict.retry", "group": "inference-worker-retry"}


def failing(*, times):
    """An engine that fails so many times, then never again."""
    left = [times]

    def predict(pixels):
        if left[0]:
            left[0] -= 1
            raise RuntimeError("out of\nluck")

    return predict


def counted(worker, name, **labels):
    return worker.metrics_registry.get_sample_value(name, labels)


async def test_an_attempt_that_failed_is_made_again_and_succeeds(stage, new_request):
    request = new_request()
    async with stage.worker(predict=failing(times=2)) as worker:
        await stage.send([(request, new_jpeg())])
        (outcome,) = await stage.outcomes(1)
        assert counted(worker, "pneumo_retries_total") == 2
        assert counted(worker, "pneumo_retries_waiting") == 0
    assert (outcome.id, outcome.status) == (request.id, "succeeded")
    retries = [dict(r.headers) for r in await stage.records("predict.retry", 2)]
    assert [r["attempt"] for r in retries] == [b"2", b"3"]
    assert int(retries[0]["not-before"]) < int(retries[1]["not-before"]) < request.deadline_ms
    assert await stage.count("predict.dlq") == 0
    assert await stage.uncommitted() == await stage.uncommitted(**RETRY) == 0


async def test_what_fails_every_time_is_a_dead_letter_and_a_typed_failure(stage, new_request):
    request = new_request(
        traceparent="00-abc-def-01", redrive_of="older", content_type="image/jpeg", explain="cam"
    )
    image = new_jpeg()
    async with stage.worker("worker-5", predict=failing(times=99)) as worker:
        await stage.send([(request, image)])
        (outcome,) = await stage.outcomes(1)
        assert counted(worker, "pneumo_dead_letters_total", cause="inference_failed") == 1
    assert (outcome.id, outcome.code) == (request.id, ErrorCode.INFERENCE_FAILED)
    (record,) = await stage.records("predict.dlq", 1)
    letter = parse_dead_letter(record.headers)
    assert (record.key, record.value) == (request.id.encode(), image)
    assert letter.cause is Cause.INFERENCE_FAILED
    assert letter.request.traceparent == "00-abc-def-01"
    assert (letter.request.redrive_of, letter.request.content_type) == ("older", "image/jpeg")
    assert letter.request.explain == "cam"
    assert (letter.request.deadline_ms, letter.request.attempt) == (request.deadline_ms, 3)
    assert "RuntimeError: out of\nluck" in letter.stack
    assert "in predict" in letter.stack
    assert [(a.number, a.worker, a.error) for a in letter.attempts] == [
        (number, "worker-5", "RuntimeError: out of luck") for number in (1, 2, 3)
    ]
    assert letter.attempts[0].at_ms < letter.attempts[2].at_ms <= letter.dead_at_ms
    assert await stage.count("predict.results") == 1


async def test_no_attempt_is_put_off_beyond_the_deadline(stage, new_request):
    request = new_request(deadline_ms=SystemClock().now_ms() + 400)
    async with stage.worker(predict=failing(times=99)):
        await stage.send([(request, new_jpeg())])
        (outcome,) = await stage.outcomes(1)
    # A busy machine may not get to it in time.
    assert outcome.status in ("failed", "expired")
    assert await stage.count("predict.retry") == 0


async def test_a_long_delay_blocks_no_shorter_one_and_no_new_request(stage, new_request):
    fresh = new_request()
    async with stage.worker() as worker:
        await stage.until(lambda: worker.retries.assigned == 6)
        now_ms = SystemClock().now_ms()
        slow = new_request(attempt=2, not_before_ms=now_ms + 50_000)
        quick = new_request(attempt=2, not_before_ms=now_ms + 200)
        waiting = [(slow, new_jpeg()), (quick, new_jpeg())]
        await stage.send(waiting, topic="predict.retry", partition=3)
        await stage.send([(fresh, new_jpeg())])
        answered = {o.id for o in await stage.outcomes(2)}
        await stage.until(lambda: counted(worker, "pneumo_retries_waiting") == 1)
    assert answered == {quick.id, fresh.id}
    # What waited is dropped: its partition is left clean, for another to take up.
    commit = (await stage.commits(**RETRY))[3]
    assert (commit.offset, commit.metadata) == (0, "clean")
    assert await stage.count("predict.results") == 2


async def test_a_retry_dropped_by_one_worker_is_made_by_another(stage, new_request):
    request = new_request(attempt=2, not_before_ms=SystemClock().now_ms() + 4_000)
    await stage.send([(request, new_jpeg())], topic="predict.retry")
    async with stage.worker() as worker:
        await stage.until(lambda: counted(worker, "pneumo_retries_waiting") == 1)
    assert await stage.count("predict.results") == 0
    async with stage.worker("worker-1"):
        assert [o.id for o in await stage.outcomes(1)] == [request.id]


async def test_a_retry_that_comes_too_late_is_expired(stage, new_request):
    request = new_request(attempt=2, not_before_ms=1, deadline_ms=2)
    await stage.send([(request, new_jpeg())], topic="predict.retry")
    async with stage.worker():
        (outcome,) = await stage.outcomes(1)
    assert (outcome.id, outcome.status) == (request.id, "expired")
