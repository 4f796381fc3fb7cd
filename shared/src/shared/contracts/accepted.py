"""Entries of `predict.accepted`: accepted requests whose id a client may hold. Headers only."""

from dataclasses import dataclass

from shared.contracts.headers import HeaderError, RawHeaders

ACCEPTED_SCHEMA = "predict.accepted/1"

_NAMES = frozenset(("id", "schema", "deadline", "partition", "offset"))


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """One request whose record on `predict.requests` is confirmed.

    deadline_ms: as in the request, unix milliseconds. partition, offset: of the request's record;
    offset below 0: the broker did not report it.
    """

    id: str
    deadline_ms: int
    partition: int
    offset: int

    def to_kafka(self) -> list[tuple[str, bytes]]:
        """Encode for `AIOKafkaProducer.send(headers=...)`."""
        return [
            ("id", self.id.encode()),
            ("schema", ACCEPTED_SCHEMA.encode()),
            ("deadline", str(self.deadline_ms).encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
        ]


def parse_accepted(raw: RawHeaders) -> AcceptedRequest:
    """Read the headers of an entry. Raises HeaderError if one is missing or unreadable."""
    try:
        values = {name: value.decode() for name, value in raw if name in _NAMES}
        schema = values["schema"]
        entry = AcceptedRequest(
            id=values["id"],
            deadline_ms=int(values["deadline"]),
            partition=int(values["partition"]),
            offset=int(values["offset"]),
        )
    except KeyError as error:
        raise HeaderError(f"entry header {error} is missing") from None
    except (ValueError, AttributeError) as error:
        # Not `from error`: a logged trace would quote the header.
        raise HeaderError(f"unreadable entry headers: {type(error).__name__}") from None
    if schema != ACCEPTED_SCHEMA:
        raise HeaderError(f"the schema is not {ACCEPTED_SCHEMA!r}")
    return entry
