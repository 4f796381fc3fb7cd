"""Faults of workers under a constant load; each ends with the auditor's invariant."""

import asyncio

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


async def test_a_worker_asked_to_leave_costs_no_answer(system, serving, new_load, judge):
    await asyncio.to_thread(serving, system)
    async with new_load(system).running() as load:
        await asyncio.sleep(1)
        code = await asyncio.to_thread(system.workers["worker-0"].stop)
        await asyncio.sleep(1)
    assert code == 0
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said)


@pytest.mark.faults
async def test_a_worker_killed_in_the_middle_of_a_batch_costs_no_answer(
    system, serving, new_load, judge
):
    # 16 images of 40 ms are a batch of 640 ms: the kill falls into one.
    await asyncio.to_thread(serving, system, PNEUMO_WORKER_SIMULATED_MS="40")
    async with new_load(system).running() as load:
        await asyncio.sleep(2)
        system.workers["worker-0"].kill()
        await asyncio.sleep(12)
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said)


@pytest.mark.faults
@pytest.mark.parametrize("rate", [5, 20])
async def test_a_killed_worker_makes_the_gateway_refuse_nobody(
    system, serving, new_load, judge, rate
):
    # wait_s: what a client waits by default. Who waits for longer is refused later.
    await asyncio.to_thread(serving, system)
    async with new_load(system, rate=rate, wait_s=10).running() as load:
        await asyncio.sleep(3)
        system.workers["worker-0"].kill()
        await asyncio.sleep(15)
    said = load.said
    assert said["200"] >= 0.99 * said.total(), said
    await judge.demand(system, said=said)


@pytest.mark.faults
async def test_scaling_from_one_to_three_and_back_costs_no_answer(system, serving, new_load, judge):
    await asyncio.to_thread(serving, system, workers=1)
    async with new_load(system).running() as load:
        await asyncio.sleep(1)
        for id_ in ("worker-1", "worker-2"):
            await asyncio.to_thread(system.start_worker(id_).wait_ready)
        await asyncio.sleep(2)
        codes = [await asyncio.to_thread(system.workers[f"worker-{n}"].stop) for n in (1, 2)]
        await asyncio.sleep(2)
    assert codes == [0, 0]
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said)
