"""The worker's own word on `workers.status`."""

import asyncio

import structlog

from inference_worker.core.swaps import REFUSALS
from shared.clock import Clock
from shared.contracts.models import ModelRecord, RefusalCode, WorkerStatus
from shared.kafka.publisher import BrokerUnavailableError, Publisher, RecordRefusedError

_log = structlog.get_logger(__name__)


class StatusReporter:
    """Says what this worker serves: at once when it changes, else every interval."""

    def __init__(
        self, worker_id: str, publisher: Publisher, topic: str, clock: Clock, *, interval_s: float
    ) -> None:
        self._publisher = publisher
        self._topic = topic
        self._clock = clock
        self._interval_s = interval_s
        self._changed = asyncio.Event()
        self._status = WorkerStatus(id=worker_id, ready=False, at_ms=clock.now_ms())

    def update(self, **changes: object) -> None:
        """Change fields of the status; published soon, if anything is new."""
        changed = self._status.model_copy(update=changes)
        if changed != self._status:
            self._status = changed
            self._changed.set()

    def count(self, predictions: int) -> None:
        """Add to the predictions made; told with the next report."""
        self._status = self._status.model_copy(
            update={"predictions": self._status.predictions + predictions}
        )

    def model_swapped(self, record: ModelRecord) -> None:
        """Report the model that is served from now on."""
        self.update(model=record.name, version=record.version)

    def model_refused(self, version: str, code: RefusalCode) -> None:
        """Report a refusal: its code, and the code's own sentence."""
        self.update(refused_version=version, refusal_code=code.value, refusal=REFUSALS[code])

    def refusal_ended(self) -> None:
        """Report that the current model is served."""
        self.update(refused_version=None, refusal_code=None, refusal=None)

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._publish(self._status.model_copy(update={"at_ms": self._clock.now_ms()}))
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()

    async def leave(self) -> None:
        """Put the tombstone, so that nobody counts on this worker."""
        await self._publish(None)

    async def _publish(self, status: WorkerStatus | None) -> None:
        body = None if status is None else status.to_bytes()
        try:
            await self._publisher.publish(self._topic, key=self._status.id, value=body)
        except BrokerUnavailableError as error:
            _log.warning("status not published", error=str(error))
        except RecordRefusedError as error:
            # Predictions do not need it.
            _log.error("status refused by the broker", error=str(error))
