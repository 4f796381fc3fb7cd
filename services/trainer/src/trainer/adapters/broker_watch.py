"""Asks the broker now and then whether it is there."""

import asyncio

from faststream.kafka import KafkaBroker


class BrokerWatch:
    """Knows whether the broker answered when it was last asked."""

    def __init__(self, broker: KafkaBroker, *, interval_s: float) -> None:
        self._broker = broker
        self._interval_s = interval_s
        self.is_connected = False

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self.is_connected = await self._broker.ping(timeout=self._interval_s)
            await asyncio.sleep(self._interval_s)
