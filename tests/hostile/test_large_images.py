"""Images that take long to decode: requests behind them in their partition do not wait for them."""

import asyncio

import pytest

from inference_worker.core.decoding import find_header
from inference_worker.core.handovers import MAX_CAREFUL
from inference_worker.core.requests import LARGE_PIXELS, PredictRequest
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.contracts.topics import PREDICT_RESULTS
from shared.testing.hostile_images import chunk, new_blank_png
from shared.testing.images import new_jpeg

HEADERS = RequestHeaders("id", 1, "image/png")
SIDE_PX = 2001
OTHERS = 10
PATIENCE_S = 60


def new_large(fault=""):
    return new_blank_png("L", SIDE_PX, extra=chunk(b"prVt", f"pneumo-fault:{fault}".encode()))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (new_large(), True),
        (new_blank_png("L", 2000), False),
        (new_jpeg(), False),
        (b"", False),
        (b"no image", False),
        (new_large()[:20], False),
    ],
)
def test_what_is_large_is_known_from_its_header(image, expected):
    assert LARGE_PIXELS == 2000 * 2000
    assert PredictRequest(HEADERS, image, 0, (), find_header(image)).is_large is expected


class Observer:
    """What the topics hold while a worker is at work."""

    def __init__(self, topics):
        self._topics = topics

    async def until_answered(self, count):
        async with asyncio.timeout(PATIENCE_S):
            while await self._topics.count(PREDICT_RESULTS) < count:
                await asyncio.sleep(0.1)

    async def until_committed(self, partition, offset):
        async with asyncio.timeout(PATIENCE_S):
            while (await self._topics.words())[partition][0] < offset:
                await asyncio.sleep(0.1)


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_requests_behind_a_large_image_are_answered_before_it(faulty_worker, topics):
    observer = Observer(topics)
    images = [new_large("spin=8"), *(new_jpeg(seed=n) for n in range(OTHERS))]
    with faulty_worker(PNEUMO_WORKER_ATTEMPT_TIMEOUT_S="60") as process:
        await asyncio.to_thread(process.wait_ready)
        large, *others = await topics.send(images, partition=4)
        await observer.until_answered(OTHERS)
        assert set(await topics.outcomes(OTHERS)) == set(others)
        # Nothing behind the large image is committed: a crash would lose it.
        assert (await topics.words())[4][0] == 0
        outcomes = await topics.outcomes(OTHERS + 1)
        assert outcomes[large].status == "succeeded"
        await observer.until_committed(4, OTHERS + 1)
        assert await asyncio.to_thread(process.stop) == 0
    assert (await topics.words())[4] == (OTHERS + 1, "clean")


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_no_more_pass_a_large_image_than_a_crash_is_searched_for(faulty_worker, topics):
    observer = Observer(topics)
    env = {"PNEUMO_WORKER_MAX_BATCH": "4", "PNEUMO_WORKER_ATTEMPT_TIMEOUT_S": "60"}
    with faulty_worker(**env) as process:
        await asyncio.to_thread(process.wait_ready)
        await topics.send([new_large("spin=10"), *[new_jpeg()] * 100], partition=4)
        await observer.until_answered(MAX_CAREFUL - 2 * 4)
        # Other partitions are answered all the while.
        await topics.send([new_jpeg()] * 40, partition=5)
        await observer.until_committed(5, 40)
        assert (await topics.words())[4][0] == 0
        assert await topics.count(PREDICT_RESULTS) - 40 < MAX_CAREFUL
        await observer.until_answered(141)
        assert await asyncio.to_thread(process.stop) == 0


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_a_large_image_that_does_not_end_is_quarantined_alone(faulty_worker, topics):
    images = [new_jpeg(), new_large("spin=500"), *(new_jpeg(seed=n) for n in range(OTHERS))]
    with faulty_worker(PNEUMO_WORKER_ATTEMPT_TIMEOUT_S="2") as process:
        await asyncio.to_thread(process.wait_ready)
        ids = await topics.send(images, partition=4)
        outcomes = await topics.outcomes(len(images))
        assert await asyncio.to_thread(process._process.wait, 60) == 70
    assert outcomes[ids.pop(1)].code is ErrorCode.WORKER_CRASHED
    assert {outcomes[id_].status for id_ in ids} == {"succeeded"}
    assert (await topics.words())[4] == (len(images), "clean")


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_a_large_image_that_ends_its_worker_is_found(faulty_worker, topics):
    images = [new_large("crash"), *(new_jpeg(seed=n) for n in range(OTHERS))]
    with faulty_worker() as process:
        await asyncio.to_thread(process.wait_ready)
        ids = await topics.send(images, partition=4)
        assert await asyncio.to_thread(process._process.wait, 60) == -9
    with faulty_worker() as process:  # tries it alone
        assert await asyncio.to_thread(process._process.wait, 60) == -9
    with faulty_worker() as process:
        outcomes = await topics.outcomes(len(images))
        assert await asyncio.to_thread(process.stop) == 0
    assert outcomes[ids.pop(0)].code is ErrorCode.WORKER_CRASHED
    assert {outcomes[id_].status for id_ in ids} == {"succeeded"}


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_a_worker_that_leaves_gives_queued_large_images_back(faulty_worker, topics):
    observer = Observer(topics)
    # Two may still be answered while it leaves; a worker has six seconds for that.
    images = [*[new_large("spin=0.5")] * 16, new_jpeg()]
    with faulty_worker() as process:
        await asyncio.to_thread(process.wait_ready)
        await topics.send(images, partition=4)
        await observer.until_answered(1)
        assert await asyncio.to_thread(process.stop) == 0
    offset, word = (await topics.words())[4]
    assert (offset, word) == (await topics.count(PREDICT_RESULTS) - 1, "clean")
    assert offset < len(images) - 1
