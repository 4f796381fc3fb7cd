"""The self-check of a consumer: aiokafka's may hang after a broker's restart (its issue 1154)."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from inference_worker.core.progress import Look, count_strikes, is_stuck
from inference_worker.ports import OffsetSource, StuckConsumerError
from shared.kafka.publisher import BrokerUnavailableError

_log = structlog.get_logger(__name__)
_POSITION_S = 1.0


class SelfCheck:
    """Looks at every interval whether a consumer that gets nothing should have got something."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        offsets: OffsetSource,
        *,
        every_s: float,
        polls: Callable[[], int],
        is_free: Callable[[], bool],
    ) -> None:
        """polls: how often something came so far. is_free: whether more could be taken now."""
        self._consumer = consumer
        self._offsets = offsets
        self._every_s = every_s
        self._polls = polls
        self._is_free = is_free

    async def run(self) -> None:
        """Look until cancelled. Raises StuckConsumerError."""
        strikes, polls = 0, self._polls()
        while not is_stuck(strikes):
            await asyncio.sleep(self._every_s)
            polls, before = self._polls(), polls
            strikes = count_strikes(strikes, await self._look(polled=polls != before))
        raise StuckConsumerError(f"nothing came for {2 * self._every_s:g} s although there is more")

    async def _look(self, *, polled: bool) -> Look:
        free = self._is_free()
        behind = None if polled or not free else await self._is_behind()
        return Look(polled=polled, free=free, behind=behind)

    async def _is_behind(self) -> bool | None:
        partitions = sorted(self._consumer.assignment())
        if not partitions:
            return False
        try:
            bounds = await self._offsets.bounds(partitions)
        except BrokerUnavailableError as error:
            _log.warning("nothing came, and the broker does not say why", error=str(error))
            return None
        positions = await asyncio.gather(*(self._position(p, at[0]) for p, at in bounds.items()))
        return any(end > at for (_, end), at in zip(bounds.values(), positions, strict=True))

    async def _position(self, partition: tuple[str, int], beginning: int) -> int:
        try:
            async with asyncio.timeout(_POSITION_S):
                position: int = await self._consumer.position(TopicPartition(*partition))
        except (KafkaError, TimeoutError):
            return beginning
        return position
