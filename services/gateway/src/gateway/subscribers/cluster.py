"""What the gateway knows of workers, models and training, from their topics."""

from gateway.core.workers import present_workers
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.train import TrainEvent
from shared.kafka.topic_reader import Record


class ClusterView:
    """Rebuilt from compacted topics at every start; nothing here is a store."""

    def __init__(self) -> None:
        self._workers: dict[str, WorkerStatus] = {}
        self._models: dict[str, ModelPromoted] = {}
        self._last_retrain_ms: int | None = None

    def on_worker_status(self, record: Record) -> None:
        """Take in a worker's word, or its tombstone. Raises ValueError on a foreign record."""
        worker_id = (record.key or b"").decode()
        if record.value is None:
            self._workers.pop(worker_id, None)
        else:
            self._workers[worker_id] = WorkerStatus.model_validate_json(record.value)

    def on_model_promoted(self, record: Record) -> None:
        """Take in a promotion. Raises ValueError on a foreign record."""
        if record.value is not None:
            event = ModelPromoted.model_validate_json(record.value)
            self._models[event.name] = event

    def on_train_event(self, record: Record) -> None:
        """Note when training last succeeded. Raises ValueError on a foreign record."""
        if record.value is not None:
            event = TrainEvent.model_validate_json(record.value)
            if event.state == "succeeded":
                self.note_retrained(event.at_ms)

    def note_retrained(self, at_ms: int) -> None:
        """Remember the end of a job that succeeded, unix ms; the newest counts."""
        self._last_retrain_ms = max(self._last_retrain_ms or 0, at_ms)

    def workers(self, now_ms: int) -> tuple[WorkerStatus, ...]:
        """The workers heard of lately."""
        return present_workers(self._workers, now_ms)

    def current_model(self, name: str) -> ModelPromoted | None:
        """The promoted version of a model."""
        return self._models.get(name)

    @property
    def last_retrain_ms(self) -> int | None:
        """When a training job last succeeded, unix ms; None if none is remembered."""
        return self._last_retrain_ms
