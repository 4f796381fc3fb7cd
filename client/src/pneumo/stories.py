"""What a client does, step by step, with no I/O: a story asks for steps, a runner takes them.

So the synchronous and the asynchronous client tell the same stories, and tests tell them without
waiting.
"""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any, TypeVar

import httpx

from pneumo import calls
from pneumo.answers import JobEvent, Pending, Prediction, UploadReport
from pneumo.bodies import Form, Image, Progress
from pneumo.calls import Call
from pneumo.errors import (
    ApiError,
    ConnectionFailedError,
    DeadlineExceededError,
    InvalidInputError,
    PneumoError,
    UnexpectedAnswerError,
    error_of,
    failure_of,
)
from pneumo.retries import RetryPolicy, decide_wait

T = TypeVar("T")

_GRACE_S = 5.0
"""Beyond what the gateway was asked to wait, before no answer is taken for none."""
_POLL_S = 1.0
_SILENCE_S = 45.0
"""Three heartbeats of a stream of events."""
_MAX_FILES = 500
_MAX_BYTES = 64 * 1024 * 1024
"""Of one request of an upload: half of the files, and a quarter of the bytes, that may be."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a call: the runner gives a Reply, its body read."""

    call: Call[Any]
    timeout_s: float
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Open:
    """Send a call and read its body line by line; what was open before is closed.

    The runner gives a Reply, its body read if it is an error.
    """

    call: Call[None]
    timeout_s: float
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class NextLine:
    """Read on: the runner gives a line, None at the end, or a TransportError."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an event to the caller."""

    event: JobEvent


Reply = httpx.Response | httpx.TransportError
Step = Send | Sleep | Open | NextLine | Emit
Story = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Teller:
    """What stories need to know. monotonic_s: a clock. chance: a random number in [0, 1).

    timeout_s: for a whole call, its repetitions included.
    """

    url: str
    policy: RetryPolicy
    timeout_s: float
    monotonic_s: Callable[[], float]
    chance: Callable[[], float]

    def send(self, call: Call[T], timeout_s: float | None = None) -> Story[T]:
        """Make a call, again if it failed and may be made again, within the time.

        Raises PneumoError: the last failure.
        """
        ends_s = self.monotonic_s() + (self.timeout_s if timeout_s is None else timeout_s)
        for attempt in count(1):
            tried = yield from self._try(call, ends_s - self.monotonic_s())
            if isinstance(tried, httpx.Response):
                return call.read(tried)
            wait_s = decide_wait(
                self.policy,
                attempt,
                tried,
                repeatable=call.repeatable,
                left_s=ends_s - self.monotonic_s(),
                chance=self.chance(),
            )
            if wait_s is None:
                raise tried
            yield Sleep(wait_s)
        raise AssertionError("count() ended")

    def wait_for(self, id_: str, timeout_s: float | None = None) -> Story[Prediction]:
        """Ask for an outcome until there is one. Raises DeadlineExceededError, PneumoError."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        ends_s = self.monotonic_s() + timeout_s
        while True:
            left_s = ends_s - self.monotonic_s()
            found = yield from self.send(calls.outcome(id_), left_s)
            if isinstance(found, Prediction):
                return found
            pause_s = _POLL_S if found.retry_after_s is None else found.retry_after_s
            if self.monotonic_s() + pause_s >= ends_s:
                raise _too_late(found, timeout_s)
            yield Sleep(pause_s)

    def upload(
        self,
        images: Iterable[Image],
        fields: Sequence[tuple[str, str]],
        progress: Progress | None,
        timeout_s: float,
    ) -> Story[UploadReport]:
        """Send images in as many requests as their number asks for; one report of all.

        Raises InvalidInputError if none was taken, and any other ApiError at once, with what
        was taken until then in its `accepted`.
        """
        pieces = list(_pieces(images))
        forms = [Form(fields, piece) for piece in pieces]
        total = sum(form.body().size_bytes for form in forms)
        before, report, refused = 0, UploadReport(), None
        for form in forms:
            body = form.body(_onward(progress, before, total))
            try:
                part = yield from self.send(calls.upload(form.content_type, body, {}), timeout_s)
            except InvalidInputError as error:
                if not error.rejected:
                    raise
                refused = error
                part = UploadReport(accepted=error.accepted, rejected=error.rejected)
            except ApiError as error:
                error.accepted = report.accepted + error.accepted
                raise
            before += body.size_bytes
            report = UploadReport(
                accepted=report.accepted + part.accepted, rejected=report.rejected + part.rejected
            )
        if refused is not None and not report.accepted:
            refused.rejected = report.rejected
            raise refused
        return report

    def watch(self, id_: str) -> Story[None]:
        """Emit a job's present state and every change, until it has ended.

        A connection that breaks is made again, as often and for as long as a call may be that
        nothing new comes of. Raises PneumoError.
        """
        last: JobEvent | None = None
        failures, ends_s = 0, self.monotonic_s() + self.timeout_s
        while last is None or not last.has_ended:
            last_id = None if last is None else str(last.at_ms)
            call = calls.job_events(id_, last_id)
            opened = self._judge((yield Open(call, _SILENCE_S)), call)
            if isinstance(opened, httpx.Response):
                if opened.status_code == HTTPStatus.NO_CONTENT:
                    return
                newest = yield from self._read_events(last)
                if newest != last:
                    failures, ends_s = 0, self.monotonic_s() + self.timeout_s
                last = newest
                if last is not None and last.has_ended:
                    return
                opened = ConnectionFailedError("The stream of events ended early.", was_sent=True)
            failures += 1
            wait_s = decide_wait(
                self.policy,
                failures,
                opened,
                repeatable=True,
                left_s=ends_s - self.monotonic_s(),
                chance=self.chance(),
            )
            if wait_s is None:
                raise opened
            yield Sleep(wait_s)

    def _try(self, call: Call[T], left_s: float) -> Story[httpx.Response | PneumoError]:
        timeout_s, headers = left_s, []
        if call.wait_s is not None:
            wait_s = max(0.05, min(call.wait_s, left_s))
            timeout_s = min(left_s, wait_s + _GRACE_S)
            respond = "respond-async, " if call.responds_async else ""
            headers.append(("Prefer", f"{respond}wait={wait_s:g}"))
        reply: Reply = yield Send(call, max(timeout_s, 0.05), headers)
        return self._judge(reply, call)

    def _judge(self, reply: Reply, call: Call[Any]) -> httpx.Response | PneumoError:
        if isinstance(reply, httpx.TransportError):
            return failure_of(reply, self.url)
        if reply.is_success or reply.status_code in call.accepts:
            return reply
        return error_of(reply)

    def _read_events(self, last: JobEvent | None) -> Story[JobEvent | None]:
        while True:
            line: str | httpx.TransportError | None = yield NextLine()
            if not isinstance(line, str):
                return last
            # Each message is one line of data; ids and names repeat what is in it.
            if not line.startswith("data:"):
                continue
            event = _event(line.removeprefix("data:"))
            if event != last:
                last = event
                yield Emit(event)


def _event(text: str) -> JobEvent:
    try:
        return JobEvent.model_validate(json.loads(text))
    except ValueError as error:
        raise UnexpectedAnswerError("The stream of events holds what is no event.") from error


def _too_late(pending: Pending, timeout_s: float) -> DeadlineExceededError:
    detail = f"No outcome within {timeout_s:g} s; it may still come."
    return DeadlineExceededError(
        "deadline_exceeded", HTTPStatus.GATEWAY_TIMEOUT.value, detail, id=pending.id
    )


def _onward(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    told = progress
    return lambda sent, _: told(before + sent, total)


def _pieces(images: Iterable[Image]) -> Iterator[list[Image]]:
    piece: list[Image] = []
    size_bytes = 0
    for image in images:
        size_bytes += image.size_bytes
        if piece and (len(piece) >= _MAX_FILES or size_bytes > _MAX_BYTES):
            yield piece
            piece, size_bytes = [], image.size_bytes
        piece.append(image)
    if piece:
        yield piece
