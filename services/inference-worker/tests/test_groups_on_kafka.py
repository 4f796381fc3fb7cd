"""Deployments that share a cluster share no consumer group."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient

pytestmark = pytest.mark.kafka


async def test_a_worker_with_a_prefix_joins_groups_of_its_own(stage):
    names = ("inference-worker", "inference-worker-retry")
    async with stage.worker() as worker:
        await stage.until(lambda: worker.retries.assigned == 6)
        admin = AIOKafkaAdminClient(**stage.settings.client_options())
        await admin.start()
        try:
            groups = {name for name, _ in await admin.list_consumer_groups()}
        finally:
            await admin.close()
    assert {stage.group(name) for name in names} <= groups
    assert not groups & set(names)
