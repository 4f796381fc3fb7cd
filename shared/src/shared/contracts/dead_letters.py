"""What a failed attempt leaves behind, and how a request given up lies in `predict.dlq`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from shared.contracts.headers import HeaderError, RawHeaders, RequestHeaders, parse_request_headers
from shared.contracts.message import Message

MAX_STACK_CHARS = 8_000
"""The end of a stack trace, which names the fault, is kept; its beginning is cut."""

STACK, IMAGE = "stack", "image"
"""Parts of a dead letter that may be left out."""


class Cause(StrEnum):
    """Why a request was given up."""

    INFERENCE_FAILED = "inference_failed"
    INTERNAL = "internal"
    WORKER_CRASHED = "worker_crashed"


class Attempt(Message):
    """One attempt that did not end in an outcome.

    number: from 1. at_ms: unix ms. worker: its id. error: one line; nothing of the image.
    """

    number: int
    at_ms: int
    worker: str
    error: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The headers of a record of `predict.dlq`; its value is the image as it was sent.

    request: as of the last attempt. stack: of the last error, at most MAX_STACK_CHARS.
    dead_at_ms: unix ms. omitted: what was left out because the broker refused a larger record:
    STACK, IMAGE (the value is empty then, and a redrive impossible).
    """

    request: RequestHeaders
    cause: Cause
    stack: str
    attempts: tuple[Attempt, ...]
    dead_at_ms: int
    omitted: tuple[str, ...] = ()

    def to_kafka(self) -> list[tuple[str, bytes]]:
        """Encode for `AIOKafkaProducer.send(headers=...)`."""
        omitted = [("omitted", ",".join(self.omitted).encode())] if self.omitted else []
        return [
            *self.request.to_kafka(),
            ("cause", self.cause.encode()),
            ("stack", self.stack[-MAX_STACK_CHARS:].encode(errors="replace")),
            ("attempts", encode_attempts(self.attempts)),
            ("dead-at", str(self.dead_at_ms).encode()),
            *omitted,
        ]

    def without(self, *parts: str) -> "DeadLetter":
        """Give the same letter without its STACK, or without STACK and IMAGE."""
        return replace(self, stack="", omitted=parts)


_ATTEMPTS: TypeAdapter[tuple[Attempt, ...]] = TypeAdapter(tuple[Attempt, ...])


def encode_attempts(attempts: Sequence[Attempt]) -> bytes:
    """Give the value of the header `attempts`: a JSON list."""
    return _ATTEMPTS.dump_json(tuple(attempts))


def parse_attempts(raw: RawHeaders) -> tuple[Attempt, ...]:
    """Read the header `attempts` of a retry or a dead letter; none: no attempt has failed yet.

    Raises HeaderError.
    """
    value = dict(raw).get("attempts")
    try:
        return () if value is None else _ATTEMPTS.validate_json(value)
    except ValidationError as error:
        raise HeaderError(f"unreadable attempts: {error.error_count()} errors") from None


def parse_dead_letter(raw: RawHeaders) -> DeadLetter:
    """Read the headers of a record of `predict.dlq`. Raises HeaderError on anything amiss."""
    request, attempts = parse_request_headers(raw), parse_attempts(raw)
    try:
        values = {name: value.decode(errors="replace") for name, value in raw}
        return DeadLetter(
            request=request,
            cause=Cause(values["cause"]),
            stack=values.get("stack", ""),
            attempts=attempts,
            dead_at_ms=int(values["dead-at"]),
            omitted=tuple(filter(None, values.get("omitted", "").split(","))),
        )
    except KeyError as error:
        raise HeaderError(f"dead letter's header {error} is missing") from None
    except ValueError:
        # Not `from error`, here and above: a logged trace would quote the header.
        raise HeaderError("dead letter's cause or time is unreadable") from None
