"""One topic, several who want to know."""

from collections.abc import Callable

from shared.kafka.topic_reader import Record


def in_turn(*receivers: Callable[[Record], None]) -> Callable[[Record], None]:
    """Hand each record to all of them, in order; the first ValueError ends its round."""

    def receive(record: Record) -> None:
        for receiver in receivers:
            receiver(record)

    return receive
