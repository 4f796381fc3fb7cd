"""How far consumer groups are behind, looked at in the background."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from gateway.core.lag_by_owner import PartitionLag
from gateway.ports import LagObserver


@dataclass(frozen=True, slots=True)
class GroupSubscription:
    """A topic, and the group that consumes it.

    former: the group's name before, under which workers of an earlier release still commit.
    """

    topic: str
    group: str
    former: str | None = None


class KafkaGroupLag:
    """Looks every `interval_s`; a look that takes too long, or finds no broker, tells nothing.

    `main` is what `observer` is told of; the others are for people to see.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        observer: LagObserver,
        main: GroupSubscription,
        *others: GroupSubscription,
        interval_s: float = 0.5,
        timeout_s: float = 2.0,
    ) -> None:
        self._producer = producer
        self._consumer = consumer
        self._admin = admin
        self._observer = observer
        self._main = main
        self._others = others
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._lags: dict[GroupSubscription, int] = {}

    @property
    def lags(self) -> Mapping[GroupSubscription, int]:
        """Records behind, as last seen; empty before the first look."""
        return self._lags

    async def run(self) -> None:
        """Look until cancelled; the clients are started."""
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._look()
            except (KafkaError, TimeoutError, AttributeError):
                # The probe says so. AttributeError: aiokafka looks an error code up where this
                # answer has none.
                pass
            await asyncio.sleep(self._interval_s)

    async def _look(self) -> None:
        for followed in (self._main, *self._others):
            since = self._observer.snapshot()
            found = await self._partitions_of(followed)
            self._lags[followed] = sum(partition.behind for partition in found)
            if followed == self._main:
                self._observer.update_lag(found, since)

    async def _partitions_of(self, followed: GroupSubscription) -> list[PartitionLag]:
        numbers = await self._producer.partitions_for(followed.topic)
        partitions = [TopicPartition(followed.topic, n) for n in numbers]
        ends = await self._consumer.end_offsets(partitions)
        commits = await self._admin.list_consumer_group_offsets(
            followed.group, partitions=partitions
        )
        if not commits.keys() >= set(partitions):
            # Of a coordinator that is starting, aiokafka overlooks the error of the whole answer.
            raise GroupCoordinatorNotAvailableError(followed.group)
        done = {p: commits[p].offset for p in partitions}  # -1: never committed
        if followed.former is not None:
            earlier = await self._admin.list_consumer_group_offsets(
                followed.former, partitions=partitions
            )
            done |= {p: max(done[p], earlier[p].offset) for p in partitions if p in earlier}
        behind = [p for p in partitions if ends[p] > done[p]]
        # What retention has deleted, nobody will answer.
        firsts = await self._consumer.beginning_offsets(behind) if behind else {}
        return [
            PartitionLag(
                number=p.partition,
                owner=_owner_of(commits[p].metadata),
                committed=done[p],
                behind=ends[p] - max(done[p], firsts[p]) if p in firsts else 0,
            )
            for p in partitions
        ]


def _owner_of(metadata: str | None) -> str:
    """Name who made a commit: `<mark>`, or `trying <mark>` before a record that is tried alone.

    All commits without a mark count as one owner's (docs/decisions/0005).
    """
    return (metadata or "").rpartition(" ")[2]
