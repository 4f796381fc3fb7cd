"""Carry committed events to Kafka: in order, at least once, marked sent only when confirmed."""

import asyncio
import math
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from registry.core.backoff import retry_delay_s
from registry.ports import OpenPublisher, Store, StoreUnavailableError, UnsentEvent
from shared.clock import Clock
from shared.kafka.publisher import BrokerUnavailableError, Publisher, RecordRefusedError

_log = structlog.get_logger(__name__)

_BATCH = 100
_IDLE_POLL_S = 1.0
"""Look this often even if nobody woke us, seconds: another registry may have committed an event."""

_KEEP_MS = 24 * 3_600_000
"""Sent events stay so long, for whoever asks what was announced."""
_FORGET_AT_MOST = 500
"""A round, so that no other writer waits for long."""
_FORGET_EVERY_MS = 5_000


class OutboxRelay:
    """A background task over the outbox; HTTP never waits for it, nor for the broker.

    may_send: asked immediately before each event is sent. An event that a frozen process still
    holds may be older than what another registry has sent meanwhile.
    """

    def __init__(
        self,
        store: Store,
        open_publisher: OpenPublisher,
        clock: Clock,
        *,
        topic_prefix: str,
        metrics: CollectorRegistry,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._open_publisher = open_publisher
        self._clock = clock
        self._topic_prefix = topic_prefix
        self._may_send = may_send
        self._woken = asyncio.Event()
        self._forget_at_ms = 0
        self._unsent = Gauge(
            "pneumo_registry_outbox_unsent",
            "Committed events that no broker has confirmed; NaN if another registry leads.",
            registry=metrics,
        )
        self._unsent.set(math.nan)
        self._published = Counter(
            "pneumo_registry_events_published",
            "Events confirmed by the broker.",
            registry=metrics,
        )
        self._failures = Counter(
            "pneumo_registry_publish_failures",
            "Attempts to empty the outbox that failed.",
            registry=metrics,
        )

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is committed, for as long as it is not cancelled."""
        try:
            await self._run()
        finally:
            self._unsent.set(math.nan)

    async def _run(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            try:
                await self._drain()
                await self._forget()
            except (BrokerUnavailableError, RecordRefusedError, StoreUnavailableError) as error:
                failures += 1
                self._failures.inc()
                # Events keep their order, so one that is refused is not passed over: an operator
                # has to act, and the alert on unsent events says so.
                level = "error" if isinstance(error, RecordRefusedError) else "warning"
                getattr(_log, level)(
                    "events wait in the outbox", attempt=failures, error=str(error)
                )
                await self._sleep(retry_delay_s(failures))
            else:
                failures = 0
                await self._sleep(_IDLE_POLL_S)

    async def _drain(self) -> None:
        waiting = await self._store.read(lambda tx: tx.count_unsent())
        self._unsent.set(waiting)
        if not waiting:
            return
        async with self._open_publisher() as publisher:
            while batch := await self._store.read(lambda tx: tx.unsent(_BATCH)):
                for unsent in batch:
                    if not self._may_send():
                        _log.warning("events wait, another registry may lead")
                        return
                    await self._send(publisher, unsent)

    async def _forget(self) -> None:
        now_ms = self._clock.now_ms()
        if now_ms < self._forget_at_ms:
            return
        await self._store.write(lambda tx: tx.forget_sent(now_ms - _KEEP_MS, _FORGET_AT_MOST))
        self._forget_at_ms = now_ms + _FORGET_EVERY_MS

    async def _send(self, publisher: Publisher, unsent: UnsentEvent) -> None:
        event = unsent.event
        topic = f"{self._topic_prefix}{event.topic}"
        await publisher.publish(topic, key=event.key, value=event.value)
        now_ms = self._clock.now_ms()
        await self._store.write(lambda tx: tx.mark_sent(unsent.number, now_ms))
        self._published.inc()
        self._unsent.dec()
        _log.info("event published", topic=topic, key=event.key, number=unsent.number)

    async def _sleep(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._woken.wait()
        except TimeoutError:
            return
