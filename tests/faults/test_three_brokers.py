"""A cluster as one runs it: three brokers, three copies of which two confirm, and one that dies."""

import asyncio
from collections import Counter

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import PREDICT_REQUESTS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

CONFIRMED = {"200", "504 deadline_exceeded"}
REFUSED = {"503 broker_unavailable", "503 overloaded"}


async def partitions_of(kafka, topic):
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        (found,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    return found["partitions"]


async def answered(load, count):
    """Until so many more were answered 200 than by now."""
    began = len(load.answers)
    async with asyncio.timeout(60):
        while sum(answer.said == "200" for answer in load.answers[began:]) < count:
            await asyncio.sleep(0.1)


async def test_any_one_of_three_brokers_may_be_killed_under_load(
    cluster_system, serving, new_load, judge
):
    system, cluster = cluster_system
    await asyncio.to_thread(serving, system, gateways=2)
    partitions = await partitions_of(system.kafka, PREDICT_REQUESTS.name)
    assert all(len(each["replicas"]) == 3 for each in partitions)
    leads = Counter(each["leader"] for each in partitions)
    victim = cluster.broker(leads.most_common(1)[0][0])
    load = new_load(system)
    async with system.supervised(), load.running():
        await answered(load, 40)
        await asyncio.to_thread(victim.kill)
        # The two that are left serve alone: the third is started only once they have shown it.
        await answered(load, 100)
        await asyncio.to_thread(victim.start)
        await answered(load, 40)
    assert set(load.said) <= CONFIRMED | REFUSED
    await judge.demand(system, said=load.said, restarts=system.restarts)
