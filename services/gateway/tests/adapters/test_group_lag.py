"""The lag of groups, as clients tell it whose broker has only just come back."""

import asyncio

from aiokafka.structs import OffsetAndMetadata

from gateway.adapters.group_lag import GroupSubscription, KafkaGroupLag
from gateway.core.lag_by_owner import PartitionLag


class Broker:
    """Producer, consumer and admin client in one: two partitions, ten records in each."""

    def __init__(self) -> None:
        self.coordinator_is_up = asyncio.Event()
        self.asked = asyncio.Event()

    async def partitions_for(self, topic):
        return {0, 1}

    async def end_offsets(self, partitions):
        return dict.fromkeys(partitions, 10)

    async def beginning_offsets(self, partitions):
        return dict.fromkeys(partitions, 0)

    async def list_consumer_group_offsets(self, group, *, partitions):
        self.asked.set()
        if not self.coordinator_is_up.is_set():
            return {}  # what aiokafka makes of COORDINATOR_LOAD_IN_PROGRESS
        said = ("trying worker-1@life", "worker-2@life")
        return {p: OffsetAndMetadata(7, said[p.partition]) for p in partitions}


class Watcher:
    def __init__(self) -> None:
        self.lag = asyncio.get_running_loop().create_future()

    def snapshot(self) -> int:
        return 0

    def update_lag(self, partitions, since) -> None:
        if not self.lag.done():
            self.lag.set_result(partitions)


async def test_a_coordinator_that_is_starting_tells_nothing_and_ends_nothing():
    broker, watcher = Broker(), Watcher()
    followed = GroupSubscription("predict.requests", "inference-worker")
    lag = KafkaGroupLag(broker, broker, broker, watcher, followed, interval_s=0.001)
    looking = asyncio.create_task(lag.run())
    async with asyncio.timeout(10):
        await broker.asked.wait()
        broker.coordinator_is_up.set()
        done, _ = await asyncio.wait({looking, watcher.lag}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {watcher.lag}
    assert watcher.lag.result() == [
        PartitionLag(number=0, owner="worker-1@life", committed=7, behind=3),
        PartitionLag(number=1, owner="worker-2@life", committed=7, behind=3),
    ]
    assert lag.lags == {followed: 6}
    looking.cancel()


async def test_while_releases_are_mixed_what_either_group_has_done_counts():
    broker, watcher = Broker(), Watcher()
    done = {"ward3.inference-worker": {0: 9, 1: -1}, "inference-worker": {0: 4, 1: 8}}

    async def commits(group, *, partitions):
        return {p: OffsetAndMetadata(done[group][p.partition], "") for p in partitions}

    broker.list_consumer_group_offsets = commits
    followed = GroupSubscription(
        "ward3.predict.requests", "ward3.inference-worker", "inference-worker"
    )
    lag = KafkaGroupLag(broker, broker, broker, watcher, followed, interval_s=0.001)
    looking = asyncio.create_task(lag.run())
    async with asyncio.timeout(10):
        lags = await watcher.lag
    assert [(each.committed, each.behind) for each in lags] == [(9, 1), (8, 2)]
    looking.cancel()
