"""What an audit keeps of a record: never the image."""

from operations.core.audit import Accepted, Told
from shared.clock import created_at_ms
from shared.contracts.accepted import parse_accepted
from shared.contracts.headers import parse_request_headers
from shared.contracts.predict import Failed, Succeeded, parse_result
from shared.kafka.topic_reader import Record


def accepted_of(record: Record) -> Accepted:
    """Read a record of `predict.requests`. Raises ValueError if it is no request."""
    headers = parse_request_headers(record.headers)
    return Accepted(headers.id, record.timestamp, headers.deadline_ms)


def entry_of(record: Record) -> Accepted:
    """Read a record of `predict.accepted`. Raises ValueError if it is no entry."""
    entry = parse_accepted(record.headers)
    # An entry may come as late as its client's wait ends; its id was made with the request.
    made_ms = created_at_ms(entry.id)
    at_ms = record.timestamp if made_ms is None else made_ms
    return Accepted(entry.id, at_ms, entry.deadline_ms, is_entry=True)


def told_of(record: Record) -> Told:
    """Read a record of `predict.results`. Raises ValueError if it is no outcome."""
    if record.value is None:
        raise ValueError("a record of predict.results without a value")
    outcome = parse_result(record.value)
    match outcome:
        case Succeeded(label=label):
            what = label
        case Failed(code=code):
            what = code.value
        case _:
            what = ""
    asked_ms = created_at_ms(outcome.id)
    return Told(outcome.id, record.timestamp, asked_ms, outcome.status, what)


def dead_of(record: Record) -> str:
    """Give the id of a record of `predict.dlq`. Raises ValueError if it has none."""
    if record.key is None:
        raise ValueError("a record of predict.dlq without a key")
    return str(record.key, "utf-8")
