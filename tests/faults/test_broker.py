"""Faults of the broker under a constant load; each ends with the auditor's invariant."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest

from embedded.kafka.process import RestartableBroker

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


@pytest.fixture
def endures(own_broker_system, serving, new_load, judge):
    """Give a function that has the broker suffer something under load, and judges the end."""
    system, broker = own_broker_system

    async def endure(suffer: Callable[[RestartableBroker], None]) -> None:
        await asyncio.to_thread(serving, system)
        load = new_load(system)
        async with system.supervised(), load.running():
            await asyncio.sleep(2)
            await asyncio.to_thread(suffer, broker)
            await serves_again(system, load)
            await asyncio.sleep(2)
        assert set(load.said) <= CONFIRMED | REFUSED
        assert load.answers[-1].said == "200"
        await judge.demand(system, said=load.said, restarts=system.restarts)

    return endure


async def test_a_broker_that_is_restarted_costs_no_accepted_request(endures):
    def restart(broker):
        broker.stop()
        broker.start()

    await endures(restart)


async def test_a_broker_that_is_killed_and_comes_back_costs_no_accepted_request(endures):
    def kill(broker):
        broker.kill()
        broker.start()

    await endures(kill)


async def test_a_broker_that_stands_still_for_twenty_seconds_costs_no_accepted_request(endures):
    def freeze(broker):
        broker.pause()
        time.sleep(20)
        broker.resume()

    await endures(freeze)


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
