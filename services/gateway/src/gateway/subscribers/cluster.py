"""The state of workers, models and training jobs, from their topics."""

from gateway.core.throughput import Throughput
from gateway.core.workers import recent_workers, without_error_text
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.train import TERMINAL_STATES, TrainEvent
from shared.kafka.topic_reader import Record


class ClusterView:
    """An in-memory view, rebuilt from compacted topics at every start."""

    def __init__(self) -> None:
        self._workers: dict[str, WorkerStatus] = {}
        self._models: dict[str, ModelPromoted] = {}
        self._rates: dict[str, Throughput] = {}
        self._last_retrain_ms: int | None = None
        self._last_ended: TrainEvent | None = None

    def on_worker_status(self, record: Record) -> None:
        """Store a worker's status, or remove it on a tombstone. Raises ValueError."""
        worker_id = (record.key or b"").decode()
        if record.value is None:
            self._workers.pop(worker_id, None)
            self._rates.pop(worker_id, None)
        else:
            status = without_error_text(WorkerStatus.model_validate_json(record.value))
            self._workers[worker_id] = status
            rate = self._rates.setdefault(worker_id, Throughput())
            rate.add(status.at_ms, status.predictions)

    def on_model_promoted(self, record: Record) -> None:
        """Store a promotion, unless a later one is known. Raises ValueError.

        A registry that was frozen or has lost the lease may announce an older promotion last, and
        compaction keeps the last record: `promoted_at_ms` decides, as it does in the workers.
        """
        if record.value is None:
            return
        event = ModelPromoted.model_validate_json(record.value)
        known = self._models.get(event.name)
        if known is None or event.promoted_at_ms >= known.promoted_at_ms:
            self._models[event.name] = event

    def on_train_event(self, record: Record) -> None:
        """Store how training last ended. Raises ValueError."""
        if record.value is not None:
            self.note_ended(TrainEvent.model_validate_json(record.value))

    def note_ended(self, event: TrainEvent) -> None:
        """Store a terminal event of a job if it is the newest."""
        if event.state not in TERMINAL_STATES:
            return
        if event.state == "succeeded":
            self._last_retrain_ms = max(self._last_retrain_ms or 0, event.at_ms)
        if self._last_ended is None or event.at_ms >= self._last_ended.at_ms:
            self._last_ended = event

    def workers(self, now_ms: int) -> tuple[WorkerStatus, ...]:
        """Return the workers with a recent status report."""
        return recent_workers(self._workers, now_ms)

    def current_model(self, name: str) -> ModelPromoted | None:
        """Return the promoted version of a model."""
        return self._models.get(name)

    def predictions_per_second(self, worker_id: str) -> float | None:
        """Return a worker's rate from its last status reports; None before two of them."""
        rate = self._rates.get(worker_id)
        return None if rate is None else rate.per_second

    @property
    def last_ended_job(self) -> TrainEvent | None:
        """The newest training job that has ended, however; None if none is remembered."""
        return self._last_ended

    @property
    def last_retrain_ms(self) -> int | None:
        """When a training job last succeeded, unix ms; None if none is remembered."""
        return self._last_retrain_ms
