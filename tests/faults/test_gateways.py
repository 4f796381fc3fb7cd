"""Faults of gateways, and more work than there are workers for."""

import asyncio

import httpx
import pytest

from operations.main.audit import new_auditor

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


async def test_what_a_killed_gateway_had_accepted_is_answered_by_another(
    system, serving, new_load, judge
):
    await asyncio.to_thread(
        serving, system, workers=1, gateways=2, PNEUMO_WORKER_SIMULATED_MS="100"
    )
    killed, other = system.gateways
    load = new_load(system)
    load.urls = [killed.url]
    async with new_auditor(system.kafka, since_ms=judge.since_ms) as auditor:
        async with load.running():
            async with asyncio.timeout(60):
                while (await auditor.look()).pending < 20:
                    await asyncio.sleep(0.05)
            killed.kill()
        assert load.said["broken"] >= 20
        ids = [one.id for one in auditor._accepted]
    async with httpx.AsyncClient(base_url=other.url, timeout=60) as client, asyncio.timeout(60):
        for id_ in ids:
            while (answer := await client.get(f"/v1/predictions/{id_}")).status_code == 202:
                await asyncio.sleep(0.1)
            assert answer.status_code == 200, answer.text
    await judge.demand(system, said=load.said)


@pytest.mark.faults
async def test_three_times_the_work_that_can_be_done_for_a_minute_loses_nothing(
    system, serving, new_load, judge
):
    # One worker that does at most 50 a second is asked for 150.
    await asyncio.to_thread(serving, system, workers=1, PNEUMO_WORKER_SIMULATED_MS="20")
    warm_up = new_load(system, rate=40, wait_s=10)
    async with warm_up.running():
        await asyncio.sleep(8)
    load = new_load(system, rate=150, wait_s=5)
    async with load.running():
        await asyncio.sleep(60)
    span_s = max(a.asked_s for a in load.answers) - min(a.asked_s for a in load.answers)
    assert set(load.said) <= {"200", "503 overloaded", "504 deadline_exceeded"}
    refused = [a for a in load.answers if a.said == "503 overloaded"]
    assert refused
    assert all(a.retry_after_s and a.retry_after_s > 0 for a in refused)
    goodput = load.said["200"] / span_s
    await judge.demand(system, said=load.said, goodput=round(goodput, 1))
