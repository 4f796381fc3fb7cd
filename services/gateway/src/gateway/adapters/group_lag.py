"""Consumer lag of the workers' groups, queried in the background."""

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
    """A topic and its consumer group.

    former: the group's name in an earlier release, under which older workers still commit.
    """

    topic: str
    group: str
    former: str | None = None


class KafkaGroupLag:
    """Queries the lag every `interval_s`; a query that fails or times out is ignored.

    The lag of `main` is reported to `observer`; the others are only shown.
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
        """Lag in records, by the last query; empty before the first one."""
        return self._lags

    async def run(self) -> None:
        """Query until cancelled; the clients are started."""
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._query()
            except (KafkaError, TimeoutError, AttributeError):
                # The probe reports it. AttributeError: aiokafka reads an error code that this
                # response does not have.
                pass
            await asyncio.sleep(self._interval_s)

    async def _query(self) -> None:
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
            # While a coordinator starts, aiokafka ignores the error of the whole response.
            raise GroupCoordinatorNotAvailableError(followed.group)
        done = {p: commits[p].offset for p in partitions}  # -1: never committed
        if followed.former is not None:
            earlier = await self._admin.list_consumer_group_offsets(
                followed.former, partitions=partitions
            )
            done |= {p: max(done[p], earlier[p].offset) for p in partitions if p in earlier}
        behind = [p for p in partitions if ends[p] > done[p]]
        # Records that retention has deleted are never answered.
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
    """Return the owner of a commit: `<owner>`, or `trying <owner>` in quarantine.

    Commits without an owner count as one owner's (docs/decisions/0005).
    """
    return (metadata or "").rpartition(" ")[2]
