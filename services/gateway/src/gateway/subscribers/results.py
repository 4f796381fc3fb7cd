"""`predict.results` in: every gateway reads every outcome, and resolves its own requests."""

from collections.abc import Callable

from gateway.ports import Outcome
from shared.contracts.predict import parse_result
from shared.kafka.topic_reader import Record


def on_result(on_outcome: Callable[[Outcome, int], None]) -> Callable[[Record], None]:
    """Hand each outcome to `on_outcome`, with the time of its record (unix ms).

    Raises ValueError on a foreign record, which the reader logs.
    """

    def handle(record: Record) -> None:
        on_outcome(parse_result(record.value or b""), record.timestamp)

    return handle
