"""A stream of events that breaks is opened again, and tells nothing twice: on scripted answers."""

import httpx
import pytest

from pneumo import (
    AsyncClient,
    Client,
    ConnectionFailedError,
    NotFoundError,
    RetryPolicy,
    UnavailableError,
)

STATES = ("queued", "running", "evaluating", "succeeded")


def message(n):
    return f'id: {n}\nevent: state\ndata: {{"id":"j","state":"{STATES[n]}","at_ms":{n}}}\n\n'


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Some messages, and then no end: the connection breaks."""

    def __init__(self, *numbers):
        self._text = ":\n\n" + "".join(map(message, numbers))

    def __iter__(self):
        yield self._text.encode()
        raise httpx.ReadError("broke")

    async def __aiter__(self):
        yield self._text.encode()
        raise httpx.ReadError("broke")


class Streams:
    """Answers in turn, and remembers from which event on it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, request):
        self.asked.append(request.headers.get("last-event-id"))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def broken(*numbers):
    return httpx.Response(200, stream=Broken(*numbers))


def whole(*numbers):
    return httpx.Response(200, text="".join(map(message, numbers)))


def watched(streams, **options):
    with Client(
        "http://g",
        transport=httpx.MockTransport(streams),
        sleep=lambda _: None,
        jitter=lambda: 0.0,
        **options,
    ) as client:
        return [event.state for event in client.job_events("j")]


def script():
    return Streams(broken(0, 1), httpx.ConnectError("refused"), broken(1), whole(1, 2, 3))


def test_a_stream_that_breaks_goes_on_where_it_was():
    streams = script()
    assert watched(streams) == list(STATES)
    assert streams.asked == [None, "1", "1", "1"]


async def test_so_it_does_for_the_other_client():
    async def at_once(_):
        pass

    async with AsyncClient(
        "http://g", transport=httpx.MockTransport(script()), sleep=at_once
    ) as client:
        assert [event.state async for event in client.job_events("j")] == list(STATES)


def test_a_stream_that_only_breaks_is_given_up():
    streams = Streams(*(broken(0) for _ in range(4)))
    with pytest.raises(ConnectionFailedError):
        watched(streams, retries=RetryPolicy(attempts=3))
    assert len(streams.asked) == 3


def test_a_registry_that_stays_away_ends_the_watch_too():
    away = httpx.Response(503, json={"code": "x", "detail": "No."}, headers={"Retry-After": "5"})
    now_s = [0.0]

    def sleep(seconds):
        now_s[0] += seconds

    with (
        Client(
            "http://g",
            transport=httpx.MockTransport(Streams(*[away] * 20)),
            timeout_s=21.0,
            sleep=sleep,
            monotonic_s=lambda: now_s[0],
            jitter=lambda: 0.0,
        ) as client,
        pytest.raises(UnavailableError),
    ):
        list(client.job_events("j"))
    assert now_s == [20.0]


def test_an_end_that_was_seen_is_the_end():
    assert watched(Streams(whole(0, 3))) == ["queued", "succeeded"]
    with pytest.raises(NotFoundError):
        watched(Streams(httpx.Response(404, json={"code": "not_found", "detail": "No."})))
