"""`train.events` in: passes every event to the clients that watch its job."""

from collections.abc import Callable

from shared.contracts.train import TrainEvent
from shared.kafka.topic_reader import Record


def on_train_event(on_event: Callable[[TrainEvent], None]) -> Callable[[Record], None]:
    """Hand each event to `on_event`. Raises ValueError on a foreign record."""

    def receive(record: Record) -> None:
        if record.value is not None:
            on_event(TrainEvent.model_validate_json(record.value))

    return receive
