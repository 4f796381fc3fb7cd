"""Limits of connections, below HTTP: number, time and size."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.contracts.errors import ErrorCode
from shared.http.limits import ConnectionLimits
from shared.http.places import Places, Reserve
from shared.http.problems import ProblemResponse

KNOWN_CLIENT = "pneumo.known_client"
"""Key of a request's scope: False if keys are asked for and the request has no valid one."""

_PROBES = frozenset(
    {b"/health/live", b"/health/ready", b"/metrics", b"/v2/health/live", b"/v2/health/ready"}
)
_FULL = ProblemResponse(
    HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.OVERLOADED.value,
    "Too many open connections, in all or from this address."
    " Use fewer connections, or try again later.",
    headers={"Retry-After": "1", "Connection": "close"},
)


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection with limits on the size of heads, on idle time and on number.

    A time limit runs while a request's head is incomplete, and while the body of an answered
    request is incomplete. The application limits the bodies that it reads.
    """

    limits: ClassVar[ConnectionLimits]
    places: ClassVar[Places]
    reserve: "ClassVar[Reserve[BoundedConnection]]"
    _address = "unknown"
    _has_place = False
    _in_head = True
    _head_bytes = 0
    """Received since the request began, while its head is incomplete."""
    _parsed_bytes = 0
    _parsed_headers = 0
    _unanswered = 0
    """Requests with a complete head and an incomplete response."""
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the connection a slot; one without a slot may only send probes."""
        super().connection_made(transport)
        if self.client is not None:
            self._address = self.client[0]
        self._has_place = self.places.take(self._address)
        if not self._has_place:
            displaced = self.reserve.enter(self)
            if displaced is not None:
                displaced.refuse_with(_FULL)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release its slot."""
        if self._has_place:
            self.places.free(self._address)
        self.reserve.leave(self)
        self._cancel_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process bytes; an oversized head is refused before it is stored."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > self.limits.max_head_bytes:
            self.send_400_response("")
        elif not self._unanswered:
            self._start_deadline()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the path."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count one header."""
        self._parsed_headers += 1
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request; the application limits the time of its body."""
        if self._unanswered >= self.limits.max_pipelined:
            # uvicorn would queue a scope and a cycle for each: 250 kB of requests become 25 MB.
            raise ValueError("too many pipelined requests")  # ends the parser: it is answered 400
        self._cancel_deadline()
        self._in_head = False
        if not self._has_place and self.url.partition(b"?")[0] not in _PROBES:
            self.app = _FULL
        super().on_headers_complete()
        if not self._has_place:
            self.cycle.keep_alive = False
        self._unanswered += 1

    def on_message_complete(self) -> None:
        """Reset for the next request."""
        super().on_message_complete()
        self._cancel_deadline()
        self._in_head, self._head_bytes = True, 0
        self._parsed_bytes, self._parsed_headers = 0, 0

    def on_response_complete(self) -> None:
        """Start the time limit of an unfinished request."""
        known = self.cycle.scope.get(KNOWN_CLIENT, True)
        limits = self.limits
        self.timeout_keep_alive = limits.keep_alive_s if known else limits.unknown_keep_alive_s
        super().on_response_complete()
        self._unanswered -= 1
        unfinished = not self._in_head or self._head_bytes > 0
        if unfinished and not self._unanswered and not self.transport.is_closing():
            self._start_deadline()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's text is not used
        """Refuse invalid or oversized HTTP with a problem document."""
        detail = (
            "The request is not valid HTTP, its headers are too large, or too many requests are"
            " pending on this connection."
        )
        self.refuse_with(_problem(HTTPStatus.BAD_REQUEST, ErrorCode.MALFORMED_REQUEST, detail))

    def refuse_with(self, response: ProblemResponse) -> None:
        """Respond, unless a response is in progress, and close the connection."""
        # A response in progress must not be interrupted by another one.
        waiting = self._unanswered == 1 and not self.cycle.response_started
        if (waiting or not self._unanswered) and not self.transport.is_closing():
            self.transport.write(_bytes_of(response))
        self.transport.close()

    def pause_writing(self) -> None:
        """Start the time limit of a client that stopped reading."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel the time limit and continue writing."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _count_head(self, size_bytes: int) -> None:
        self._parsed_bytes += size_bytes
        limits = self.limits
        if self._parsed_bytes > limits.max_head_bytes or self._parsed_headers > limits.max_headers:
            raise ValueError("the head is too large")  # the parser's end; answered as no HTTP

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._head_timeout_s, self._on_deadline)

    @property
    def _head_timeout_s(self) -> float:
        limits = self.limits
        if self._has_place:
            return limits.head_timeout_s
        return min(limits.head_timeout_s, limits.reserved_head_timeout_s)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        if not self._has_place:
            self.refuse_with(_FULL)
        elif self._in_head and self._head_bytes > 0:
            detail = f"The headers did not arrive within {self.limits.head_timeout_s:g} s."
            code = ErrorCode.REQUEST_TIMEOUT
            self.refuse_with(_problem(HTTPStatus.REQUEST_TIMEOUT, code, detail))
        else:
            self.transport.close()


def new_connections(bounds: ConnectionLimits) -> type[BoundedConnection]:
    """Return a connection class with these limits, for one uvicorn server."""

    class Connection(BoundedConnection):
        limits = bounds
        places = Places(bounds.max_connections, bounds.max_per_address)
        reserve = Reserve(bounds.reserved)

    return Connection


def _problem(status: HTTPStatus, code: ErrorCode, detail: str) -> ProblemResponse:
    return ProblemResponse(status, code.value, detail, headers={"Connection": "close"})


def _bytes_of(response: ProblemResponse) -> bytes:
    status = HTTPStatus(response.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
