"""A dead letter always fits: whole, else without its stack, else without its image."""

import pytest

from inference_worker.adapters.letters import KafkaLetters
from inference_worker.adapters.outcomes import KafkaOutcomes
from shared.contracts.dead_letters import (
    IMAGE,
    MAX_STACK_CHARS,
    STACK,
    Attempt,
    Cause,
    DeadLetter,
    parse_dead_letter,
)
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Failed, parse_result
from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, MAX_IMAGE_BYTES, MAX_RECORD_BYTES
from shared.kafka.publisher import RecordRefusedError

ATTEMPTS = tuple(Attempt(number=n, at_ms=n, worker="w", error="x" * 300) for n in range(8))
LETTER = DeadLetter(RequestHeaders("a", 1), Cause.INTERNAL, "s" * 5_000, ATTEMPTS, 2)


class Limited:
    """Takes records of so many bytes."""

    def __init__(self, limit, *, denied=False):
        self.limit, self.denied = limit, denied
        self.records = []

    async def publish(self, topic, *, key, value, headers=()):
        size = len(value) + sum(len(name) + len(text) for name, text in headers)
        if self.denied or size > self.limit:
            raise RecordRefusedError("no", too_large=not self.denied)
        self.records.append((value, headers))


@pytest.mark.parametrize(
    ("limit", "value", "omitted"),
    [(10**6, b"i" * 9_000, ()), (14_000, b"i" * 9_000, (STACK,)), (9_000, b"", (STACK, IMAGE))],
)
async def test_a_letter_is_cut_until_it_fits(limit, value, omitted):
    publisher = Limited(limit)
    letters = KafkaLetters(publisher, retries="r", dead_letters="d")
    await letters.give_up(LETTER, b"i" * 9_000)
    ((written, headers),) = publisher.records
    letter = parse_dead_letter(headers)
    assert (written, letter.omitted, letter.attempts) == (value, omitted, ATTEMPTS)
    assert bool(letter.stack) == (STACK not in omitted)


async def test_a_letter_that_is_not_permitted_is_refused():
    letters = KafkaLetters(Limited(0, denied=True), retries="r", dead_letters="d")
    with pytest.raises(RecordRefusedError):
        await letters.give_up(LETTER, b"")


async def test_an_outcome_that_is_too_large_ends_as_a_failure():
    publisher = Limited(200)
    await KafkaOutcomes(publisher, "o").publish(
        [Failed(id="a", code=ErrorCode.UNDECODABLE, detail="long " * 100)]
    )
    ((value, _),) = publisher.records
    assert parse_result(value).code is ErrorCode.INTERNAL


def test_whatever_fits_on_the_requests_fits_as_a_letter():
    # The largest stack and attempts there can be, in the longest characters.
    attempts = tuple(
        Attempt(number=8, at_ms=2**53, worker="w" * 64, error="\x01" * 300) for _ in range(8)
    )
    bare = DeadLetter(RequestHeaders("a", 1), Cause.INTERNAL, "", (), 2).to_kafka()
    letter = DeadLetter(
        RequestHeaders("a", 1),
        Cause.WORKER_CRASHED,
        "\U0001f600" * MAX_STACK_CHARS,
        attempts,
        2**53,
    )
    added = sum(len(v) for _, v in letter.to_kafka()) - sum(len(v) for _, v in bare)
    assert MAX_RECORD_BYTES + added + 1024 < MAX_DEAD_LETTER_BYTES
    assert MAX_IMAGE_BYTES < MAX_RECORD_BYTES


def test_a_media_type_takes_no_more_than_its_room():
    for kind in ("image/" + "\xff" * 40_000, "\U0001f600" * 300, "image/jpeg"):
        (value,) = (v for n, v in RequestHeaders("a", 1, kind).to_kafka() if n == "content-type")
        assert len(value) <= 255
        assert kind.startswith(value.decode())
