"""`train.events` in: every gateway reads every event, and tells those who watch the job."""

from collections.abc import Callable

from shared.contracts.train import TrainEvent
from shared.kafka.topic_reader import Record


def on_train_event(tell: Callable[[TrainEvent], None]) -> Callable[[Record], None]:
    """Hand each event to `tell`; what is none raises ValueError, which the reader logs."""

    def receive(record: Record) -> None:
        if record.value is not None:
            tell(TrainEvent.model_validate_json(record.value))

    return receive
