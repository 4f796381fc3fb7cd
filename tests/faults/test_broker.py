"""Faults of the broker under a constant load; each ends with the auditor's invariant."""

import asyncio

import httpx
import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(600)]

CONFIRMED = {"200", "504 deadline_exceeded"}
REFUSED = {"503 broker_unavailable", "503 overloaded"}


async def serves_again(system, load) -> None:
    """Until every gateway answers 200 once more; nothing was restarted."""
    async with asyncio.timeout(90), httpx.AsyncClient(timeout=60) as client:
        for gateway in system.gateways:
            while True:
                answer = await client.post(
                    f"{gateway.url}/v1/predictions",
                    content=load.images[0],
                    headers={"Content-Type": "image/jpeg"},
                )
                if answer.status_code == 200:
                    break
                await asyncio.sleep(0.2)


async def test_a_broker_that_is_restarted_costs_no_accepted_request(
    own_broker_system, serving, new_load, judge
):
    system, broker = own_broker_system
    await asyncio.to_thread(serving, system)
    load = new_load(system)
    async with system.supervised(), load.running():
        await asyncio.sleep(2)
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        await serves_again(system, load)
        await asyncio.sleep(2)
    assert set(load.said) <= CONFIRMED | REFUSED
    assert load.answers[-1].said == "200"
    await judge.demand(system, said=load.said, restarts=system.restarts)


async def test_a_broker_that_is_killed_and_comes_back_costs_no_accepted_request(
    own_broker_system, serving, new_load, judge
):
    system, broker = own_broker_system
    await asyncio.to_thread(serving, system)
    load = new_load(system)
    async with system.supervised(), load.running():
        await asyncio.sleep(2)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await serves_again(system, load)
        await asyncio.sleep(2)
    assert set(load.said) <= CONFIRMED | REFUSED
    assert load.answers[-1].said == "200"
    await judge.demand(system, said=load.said, restarts=system.restarts)


async def test_a_broker_that_stands_still_for_twenty_seconds_costs_no_accepted_request(
    own_broker_system, serving, new_load, judge
):
    system, broker = own_broker_system
    await asyncio.to_thread(serving, system)
    load = new_load(system)
    async with system.supervised(), load.running():
        await asyncio.sleep(2)
        broker.pause()
        await asyncio.sleep(20)
        broker.resume()
        await serves_again(system, load)
        await asyncio.sleep(2)
    assert set(load.said) <= CONFIRMED | REFUSED
    assert load.answers[-1].said == "200"
    await judge.demand(system, said=load.said, restarts=system.restarts)


async def test_outcomes_that_cannot_be_published_are_published_later(
    own_broker_system, serving, new_load, judge
):
    system, broker = own_broker_system
    # Computed while the broker stands still, longer than a publication waits (5 s).
    env = {"PNEUMO_WORKER_SIMULATED_MS": "100"}
    await asyncio.to_thread(serving, system, workers=1, **env)
    (gateway,) = system.gateways
    image = new_load(system).images[0]
    headers = {"Content-Type": "image/jpeg", "Prefer": "respond-async, wait=60"}
    async with system.supervised(**env), httpx.AsyncClient(base_url=gateway.url) as client:
        posts = (client.post("/v1/predictions", content=image, headers=headers) for _ in range(30))
        accepted = await asyncio.gather(*posts)
        broker.pause()
        await asyncio.sleep(8)
        broker.resume()
        assert {answer.status_code for answer in accepted} == {202}
        async with asyncio.timeout(90):
            for answer in accepted:
                while (await client.get(answer.headers["Location"])).status_code != 200:
                    await asyncio.sleep(0.1)
    report = await judge.demand(system, restarts=system.restarts)
    assert report.succeeded == 30
