"""Whether the broker is reachable, checked in the background so that no request waits for it."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

_log = structlog.get_logger(__name__)


class KafkaProbe:
    """Requests the cluster's metadata every `interval_s`; after `timeout_s` it is unreachable."""

    def __init__(
        self, consumer: AIOKafkaConsumer, *, interval_s: float = 1.0, timeout_s: float = 2.0
    ) -> None:
        self._consumer = consumer
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._reachable = False
        self._topics: frozenset[str] = frozenset()

    @property
    def reachable(self) -> bool:
        """Whether the last check reached the broker."""
        return self._reachable

    def has_topic(self, name: str) -> bool:
        """Whether the topic existed when the broker was last reached."""
        return name in self._topics

    async def run(self) -> None:
        """Check until cancelled; the consumer is started, and only requests metadata."""
        while True:
            found = await self._check()
            if found != self._reachable:
                log = _log.info if found else _log.warning
                log("broker reachable" if found else "broker unreachable")
                self._reachable = found
            await asyncio.sleep(self._interval_s)

    async def _check(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                self._topics = frozenset(await self._consumer.topics())
        except (KafkaError, TimeoutError):
            return False
        return True
