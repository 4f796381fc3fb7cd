"""A record of `predict.dlq` as an operator sees it; image and stack are dropped as they come."""

from dataclasses import replace

from operations.core.dead_letters import DeadLetterEntry, LogPosition, Note, parse_note
from shared.contracts.dead_letters import parse_dead_letter
from shared.kafka.topic_reader import Record


def entry_of(record: Record) -> DeadLetterEntry | Note:
    """Read a dead letter or a note. Raises ValueError if it is neither."""
    place = LogPosition(record.partition, record.offset)
    if record.key is None:
        raise ValueError("a record of predict.dlq without a key")
    note = parse_note(place, record.key, record.headers)
    if note is not None:
        return note
    letter = replace(parse_dead_letter(record.headers), stack="")
    return DeadLetterEntry(place, letter, len(record.value or b""))
