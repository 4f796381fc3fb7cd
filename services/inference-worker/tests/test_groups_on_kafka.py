"""Deployments that share a cluster share no consumer group."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient

pytestmark = pytest.mark.kafka


async def groups_of(stage):
    admin = AIOKafkaAdminClient(**stage.settings.client_options())
    await admin.start()
    try:
        return {name for name, _ in await admin.list_consumer_groups()}
    finally:
        await admin.close()


async def test_a_worker_with_a_prefix_joins_groups_of_its_own(stage):
    names = ("inference-worker", "inference-worker-retry")
    before = await groups_of(stage)
    async with stage.worker() as worker:
        await stage.until(lambda: worker.retries.assigned == 6)
        joined = await groups_of(stage) - before
    assert {stage.group(name) for name in names} <= joined
    assert not joined & set(names)
