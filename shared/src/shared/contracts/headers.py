"""Record headers: strings on the wire, a frozen value inside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.predict import REQUEST_SCHEMA

RawHeaders = Sequence[tuple[str, bytes]]

MAX_CONTENT_TYPE_BYTES = 255
"""Of the header `content-type`. A media type is shorter (RFC 6838: 127 characters a name)."""

_WARNINGS = re.compile(r"[a-z_]{1,64}(,[a-z_]{1,64}){0,15}")

_NAMES = frozenset(
    (
        *("id", "schema", "deadline", "content-type", "attempt", "traceparent"),
        *("not-before", "redrive-of", "explain", "warnings"),
    )
)


class HeaderError(ValueError):
    """A record whose headers do not fit the contract. Nobody's request: it has no usable id.

    Its text names headers and never quotes them: it is logged, and anybody may have written them.
    """


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """What travels beside the image of one prediction request.

    deadline_ms: unix milliseconds after which nobody waits for the answer.
    attempt: 1 on first delivery, counted up by each retry.
    not_before_ms: unix milliseconds before which a retry is not to be made.
    redrive_of: the id of the dead letter that this request was made from.
    explain: the method by which the answer is to be explained, as `predict.CAM`; a worker that
    does not know it answers without.
    warnings: what the gateway knows of the image and its pixels do not tell; for the answer.
    """

    id: str
    deadline_ms: int
    content_type: str = "application/octet-stream"
    attempt: int = 1
    traceparent: str | None = None
    not_before_ms: int | None = None
    redrive_of: str | None = None
    explain: str | None = None
    warnings: tuple[str, ...] = ()

    def to_kafka(self) -> list[tuple[str, bytes]]:
        """Encode for `AIOKafkaProducer.send(headers=...)`."""
        pairs = [
            ("id", self.id),
            ("schema", REQUEST_SCHEMA),
            ("content-type", bounded_content_type(self.content_type)),
            ("deadline", str(self.deadline_ms)),
            ("attempt", str(self.attempt)),
        ]
        if self.traceparent is not None:
            pairs.append(("traceparent", self.traceparent))
        if self.not_before_ms is not None:
            pairs.append(("not-before", str(self.not_before_ms)))
        if self.redrive_of is not None:
            pairs.append(("redrive-of", self.redrive_of))
        if self.explain is not None:
            pairs.append(("explain", self.explain))
        if self.warnings:
            pairs.append(("warnings", ",".join(self.warnings)))
        return [(name, value.encode()) for name, value in pairs]


def bounded_content_type(content_type: str) -> str:
    """Cut a media type to MAX_CONTENT_TYPE_BYTES of UTF-8: a record must leave room for others."""
    return content_type.encode()[:MAX_CONTENT_TYPE_BYTES].decode(errors="ignore")


def parse_request_headers(raw: RawHeaders) -> RequestHeaders:
    """Read the headers of a prediction request. Raises HeaderError on anything amiss."""
    try:
        values = {name: value.decode() for name, value in raw if name in _NAMES}
        not_before = values.get("not-before")
        schema = values["schema"]
        headers = RequestHeaders(
            id=values["id"],
            deadline_ms=int(values["deadline"]),
            content_type=values.get("content-type", "application/octet-stream"),
            attempt=int(values.get("attempt", "1")),
            traceparent=values.get("traceparent"),
            not_before_ms=None if not_before is None else int(not_before),
            redrive_of=values.get("redrive-of"),
            explain=values.get("explain"),
            warnings=_warnings(values.get("warnings")),
        )
    except KeyError as error:
        raise HeaderError(f"request header {error} is missing") from None
    except (ValueError, AttributeError) as error:
        # Not `from error`: a logged trace would quote the header.
        raise HeaderError(f"unreadable request headers: {type(error).__name__}") from None
    if schema != REQUEST_SCHEMA:
        raise HeaderError(f"the schema is not {REQUEST_SCHEMA!r}")
    return headers


def _warnings(value: str | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if not _WARNINGS.fullmatch(value):
        raise ValueError("warnings are words")
    return tuple(value.split(","))
