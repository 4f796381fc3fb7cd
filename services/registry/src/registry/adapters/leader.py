"""The background work of one registry among several: begun, and ended, with the leadership."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import structlog
from prometheus_client import CollectorRegistry, Gauge

from registry.core.leadership import LEADERSHIP, LEASE_MS, MARGIN_S, RENEW_S, decide_leadership
from registry.ports import Store, StoreUnavailableError, Transaction
from shared.clock import Clock

_log = structlog.get_logger(__name__)
_GIVE_BACK_S = 2.0
"""What the goodbye may take: without it another waits for the lease to run out."""
_MS_A_SECOND = 1000

Duty: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Work of a leader; cancelled when it leads no more."""


class Leadership:
    """Tells whether this registry leads at this moment, by a clock that is never set back.

    A duty asks immediately before it does what only a leader may do: the process may have been
    frozen since its last step, and the task that ends its duties may not have had its turn yet.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s = -math.inf

    def is_held(self) -> bool:
        """Tell whether the lease is certainly this registry's, MARGIN_S included."""
        return self._clock.monotonic_s() < self._until_s

    def hold_until(self, until_s: float) -> None:
        """Note when the lease has to be given up, on the monotonic clock."""
        self._until_s = until_s

    def end(self) -> None:
        """Note that this registry does not lead."""
        self._until_s = -math.inf


class Leader:
    """Does its duties for as long as it holds the lease.

    holder: the same for a registry that starts again, and for no other. leadership: told when the
    lease is won, renewed and lost, for the duties to ask.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        holder: str,
        duties: Sequence[Duty],
        *,
        metrics: CollectorRegistry,
        leadership: Leadership | None = None,
        renew_s: float = RENEW_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._holder = holder
        self._duties = duties
        self._leadership = leadership or Leadership(clock)
        self._renew_s = renew_s
        self._is_leader = Gauge(
            "pneumo_registry_leader",
            "1 for the registry that sends events, takes uploads in and asks for trainings.",
            registry=metrics,
        )

    async def run(self) -> None:
        """Look for the leadership, and lead, until cancelled."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._renew_s)
        finally:
            await self._give_back()

    async def _look(self) -> None:
        try:
            until_s = await self._take()
        except StoreUnavailableError as error:
            _log.warning("not known who leads", error=str(error))
        else:
            if until_s is not None:
                await self._lead(until_s)

    async def _lead(self, until_s: float) -> None:
        _log.info("registry leads", holder=self._holder)
        self._is_leader.set(1)
        self._leadership.hold_until(until_s)
        try:
            async with asyncio.TaskGroup() as tasks:
                at_work = [tasks.create_task(duty()) for duty in self._duties]
                try:
                    await self._keep(until_s)
                finally:
                    self._leadership.end()
                    for task in at_work:
                        task.cancel()
        finally:
            self._is_leader.set(0)
        _log.warning("registry leads no more", holder=self._holder)

    async def _keep(self, until_s: float) -> None:
        """Renew, and return when the lease is lost. until_s: on the clock that never runs back."""
        while (left_s := until_s - self._clock.monotonic_s()) > 0:
            await asyncio.sleep(min(self._renew_s, left_s))
            try:
                async with asyncio.timeout(max(0.0, until_s - self._clock.monotonic_s())):
                    renewed_s = await self._take()
            except (StoreUnavailableError, TimeoutError) as error:
                _log.warning("leadership not renewed", error=str(error))
                continue
            if renewed_s is None:
                return
            until_s = renewed_s
            self._leadership.hold_until(until_s)

    async def _take(self) -> float | None:
        """Take or renew the lease; give until when it is safe to lead, None if another has it."""
        asked_s = self._clock.monotonic_s()
        if not await self._store.write(lambda tx: _take(tx, self._holder, self._clock)):
            return None
        return asked_s + LEASE_MS / _MS_A_SECOND - MARGIN_S

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(_GIVE_BACK_S):
                await self._store.write(lambda tx: tx.end_lease(LEADERSHIP, self._holder))
        except (StoreUnavailableError, TimeoutError) as error:
            _log.warning("leadership not given back", error=str(error))


def _take(tx: Transaction, holder: str, clock: Clock) -> bool:
    # The time is read in here, where no other writes: one from before the transaction may be old
    # (a frozen process, a database that was slow), and another's lease would look damaged by it.
    lease = decide_leadership(tx.lease(LEADERSHIP), holder, clock.now_ms())
    if lease is None:
        return False
    tx.keep_lease(LEADERSHIP, lease)
    return True
