"""How much of a body is taken in."""

import pytest
from starlette.requests import Request

from gateway.http.formats.problems import ProblemError
from gateway.http.formats.request_bodies import bounded_chunks
from shared.contracts.errors import ErrorCode

MIB = 1024 * 1024
TOO_LARGE = ProblemError(ErrorCode.TOO_LARGE, "no")


def a_request(chunks):
    """Make a request whose body comes in chunks; `taken` is how many were asked for."""
    taken = []

    async def receive():
        taken.append(None)
        return {"type": "http.request", "body": chunks, "more_body": True}

    return Request({"type": "http", "method": "POST", "headers": []}, receive), taken


async def keep(chunks, kept):
    async for chunk in chunks:
        kept.append(chunk)


async def test_what_is_past_the_limit_is_heard_and_not_kept_and_not_for_ever():
    request, taken = a_request(b"x" * MIB)
    kept = []
    with pytest.raises(ProblemError):
        await keep(bounded_chunks(request, 3 * MIB, TOO_LARGE), kept)
    assert len(kept) == 3
    assert 3 < len(taken) < 100
