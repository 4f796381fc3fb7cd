"""Images that take too long, and images that only fail: neither takes a worker from the others."""

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from shared.contracts.dead_letters import Cause, parse_dead_letter
from shared.contracts.errors import ErrorCode
from shared.contracts.topics import PREDICT_DLQ, PREDICT_RESULTS
from shared.testing.images import new_jpeg, new_marked_jpeg

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PATIENCE_S = 90


async def test_an_image_that_takes_too_long_is_quarantined_and_costs_one_restart(
    faulty_worker, topics
):
    images = [new_jpeg(seed=n) for n in range(6)]
    images[2] = new_marked_jpeg("spin=500")
    with faulty_worker(PNEUMO_WORKER_ATTEMPT_TIMEOUT_S="2") as process:
        await asyncio.to_thread(process.wait_ready)
        ids = await topics.send(images, partition=4)
        outcomes = await topics.outcomes(6)
        assert await asyncio.to_thread(process._process.wait, 60) == 70
    slow = ids.pop(2)
    assert outcomes[slow].code is ErrorCode.WORKER_CRASHED
    assert {outcomes[id_].status for id_ in ids} == {"succeeded"}
    (record,) = await topics.records(PREDICT_DLQ, 1)
    letter = parse_dead_letter(record.headers)
    assert (letter.cause, letter.request.id) == (Cause.WORKER_CRASHED, slow)
    assert "no result within 2 s" in letter.attempts[0].error
    # It left in good order: its successor tries none of these again, the slow one least of all.
    words = await topics.words()
    assert words[4] == (6, "clean")
    assert {word for _, word in words.values()} == {"clean"}
    assert await topics.count(PREDICT_RESULTS) == 6


_JOB = """
import asyncio, hashlib, time
from inference_worker.adapters.compute import watched_compute

def spin(begin_step):
    begin_step((), in_engine=False)
    time.sleep(0.75)  # five of the watch's slices: it has seen this step
    print("begun", flush=True)
    end_s = time.thread_time() + 0.3
    while time.thread_time() < end_s:
        hashlib.sha256(bytes(1024 * 1024)).digest()
    return "done"

async def main():
    async with watched_compute(1.5) as compute:
        print(await compute.run(spin), compute.stuck.is_set(), flush=True)

asyncio.run(main())
"""


def test_time_in_which_the_process_is_stopped_counts_for_nothing():
    job = subprocess.Popen([sys.executable, "-c", _JOB], stdout=subprocess.PIPE, text=True)
    try:
        assert job.stdout.readline() == "begun\n"
        job.send_signal(signal.SIGSTOP)
        time.sleep(7)  # more than four times the bound: the subject of this test
        job.send_signal(signal.SIGCONT)
        assert job.stdout.readline() == "done False\n"
        assert job.wait(30) == 0
    finally:
        job.kill()
        job.wait()
        job.stdout.close()


async def stops_consuming(process):
    async with asyncio.timeout(PATIENCE_S):
        while "consumption stops" not in process.log:
            await asyncio.sleep(0.1)


async def test_a_worker_whose_requests_all_fail_does_not_empty_the_topic_into_the_dead_letters(
    faulty_worker, topics
):
    env = {
        "PNEUMO_WORKER_MAX_ATTEMPTS": "1",
        "PNEUMO_WORKER_MAX_BATCH": "1",
        "PNEUMO_WORKER_MAX_BATCHES_IN_FLIGHT": "1",
        "PNEUMO_WORKER_DEAD_LETTER_RUN": "5",
        "PNEUMO_WORKER_DEAD_LETTER_PAUSE_S": "600",
        "PNEUMO_WORKER_DEAD_LETTER_MAX_PAUSE_S": "600",
    }
    with faulty_worker(**env) as process:
        await asyncio.to_thread(process.wait_ready)
        await topics.send([new_marked_jpeg("bug")] * 60, partition=4)
        await stops_consuming(process)
        # It has left its groups, for others to go on, and lives.
        words = await topics.words()
        assert {word for _, word in words.values()} == {"clean"}
        assert words[4][0] == await topics.count(PREDICT_DLQ) < 10
        assert await asyncio.to_thread(process.stop) == 0


async def test_after_a_pause_it_tries_again_and_a_run_of_poison_costs_no_more(
    faulty_worker, topics
):
    env = {
        "PNEUMO_WORKER_MAX_ATTEMPTS": "1",
        "PNEUMO_WORKER_DEAD_LETTER_RUN": "5",
        "PNEUMO_WORKER_DEAD_LETTER_PAUSE_S": "0.5",
    }
    with faulty_worker(**env) as process:
        await asyncio.to_thread(process.wait_ready)
        await topics.send([new_marked_jpeg("bug")] * 5, partition=4)
        await stops_consuming(process)  # a good answer before would end the run of failures
        good = await topics.send([new_jpeg()] * 3, partition=5)
        outcomes = await topics.outcomes(8)
        await asyncio.to_thread(process.wait_ready)
        assert await asyncio.to_thread(process.stop) == 0
    assert {outcomes[id_].status for id_ in good} == {"succeeded"}
