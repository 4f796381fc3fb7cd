"""An image that kills its worker: real processes, which really die."""

import asyncio
import shutil
import signal
from pathlib import Path

import pytest

from embedded.ports import free_ports
from shared.bundle_files import read_manifest
from shared.contracts.dead_letters import Cause, parse_dead_letter
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord
from shared.testing.images import new_jpeg, new_marked_jpeg
from shared.testing.processes import running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

BUNDLE = Path(__file__).parents[3] / "models" / "baseline"
DIGEST = "a" * 64


@pytest.fixture
def cache(tmp_path):
    """What a worker that served the shipped model before finds on its disk."""
    shutil.copytree(BUNDLE, tmp_path / "cache" / DIGEST)
    manifest = read_manifest(BUNDLE)
    record = ModelRecord(
        name="pneumonia",
        version=manifest.version,
        state="current",
        created_at_ms=0,
        bundle_sha256=DIGEST,
        manifest=manifest,
    )
    (tmp_path / "cache" / "current.json").write_bytes(record.to_bytes())
    return tmp_path / "cache"


@pytest.fixture
def faulty_worker(stage, cache, tmp_path):
    """Runs a worker that does what marked images ask for, without a registry."""

    def run(**env):
        port, nobody = free_ports(2)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": stage.settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": stage.settings.topic_prefix,
            "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{nobody}",
            "PNEUMO_WORKER_PORT": str(port),
            "PNEUMO_WORKER_ID": "worker-0",
            "PNEUMO_WORKER_CACHE_DIR": str(cache),
            "PNEUMO_WORKER_FAULTS": "1",
        }
        return running("inference_worker", port, settings | env, tmp_path / "worker.log")

    return run


async def until_dead(worker):
    return await asyncio.to_thread(worker._process.wait, 60)


async def test_a_killer_costs_two_deaths_and_nobody_else_an_answer(
    stage, new_request, faulty_worker
):
    sent = [(new_request(), new_jpeg(seed=n)) for n in range(12)]
    killer = new_request()
    with faulty_worker() as worker:
        await asyncio.to_thread(worker.wait_ready)
        await stage.send([*sent[:5], (killer, new_marked_jpeg("crash")), *sent[5:]], partition=4)
        assert await until_dead(worker) == -signal.SIGKILL
    with faulty_worker() as worker:
        assert await until_dead(worker) == -signal.SIGKILL
    with faulty_worker() as worker:
        await stage.until_committed()
        assert await asyncio.to_thread(worker.stop) == 0
    by_id = {o.id: o for o in await stage.outcomes(await stage.count("predict.results"))}
    assert by_id.pop(killer.id).code is ErrorCode.WORKER_CRASHED
    assert {id_: o.status for id_, o in by_id.items()} == {
        headers.id: "succeeded" for headers, _ in sent
    }
    (record,) = await stage.records("predict.dlq", 1)
    letter = parse_dead_letter(record.headers)
    assert (letter.cause, letter.request.id) == (Cause.WORKER_CRASHED, killer.id)
    assert letter.attempts[0].worker == "worker-0"
    assert {c.metadata for c in (await stage.commits()).values()} == {"clean"}


async def test_a_loop_that_stands_still_ends_the_worker_and_its_successor_answers(
    stage, new_request, faulty_worker
):
    blocker = new_request()
    with faulty_worker(PNEUMO_WORKER_LOOP_STUCK_AFTER_S="1") as worker:
        await asyncio.to_thread(worker.wait_ready)
        await stage.send([(blocker, new_marked_jpeg("block=60"))])
        assert await until_dead(worker) == 70
        assert "watchdog" in worker.log
    with faulty_worker(PNEUMO_WORKER_FAULTS="0"):
        (outcome,) = await stage.outcomes(1)
    assert (outcome.id, outcome.status) == (blocker.id, "succeeded")
