"""The synchronous twin of `async_base_client.py`.

Generated from async_base_client.py by client/generate.py; do not edit.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from http import HTTPStatus
from random import random
from time import monotonic
from time import sleep as default_sleep
from types import TracebackType
from typing import Self, TypeVar

import httpx

from pneumo.bodies import Form, ProgressCallback
from pneumo.connection import http_options, new_request, resolve_url
from pneumo.endpoints import (
    Endpoint,
    new_upload,
    parse_event_line,
    read_outcome,
    resource_path,
)
from pneumo.errors import (
    ApiError,
    ConnectionFailedError,
    DeadlineExceededError,
    InvalidInputError,
    PneumoError,
    new_api_error,
    new_connection_error,
)
from pneumo.models import JobEvent, Prediction, UploadReport
from pneumo.retries import RetryPolicy, Sleep, decide_wait

T = TypeVar("T")

_POLL_S = 1.0
_SILENCE_S = 45.0
"""Timeout between two lines of an event stream: three of its heartbeats."""


class BaseClient:
    """Connects to a gateway, sends requests with retries and follows event streams.

    The arguments are those of `Client`.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 60.0,
        max_connections: int = 32,
        retries: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = default_sleep,
        monotonic_s: Callable[[], float] = monotonic,
        jitter: Callable[[], float] = random,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.url = resolve_url(url)
        self._http = httpx.Client(
            transport=transport, **http_options(self.url, api_key, max_connections)
        )
        self._timeout_s = timeout_s
        self._retries = retries or RetryPolicy()
        self._sleep = sleep
        self._monotonic_s = monotonic_s
        self._jitter = chance or jitter

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _send(self, endpoint: Endpoint[T], timeout_s: float | None = None) -> T:
        """Send a request, and send it again where this is safe and can help.

        Raises PneumoError: the last failure.
        """
        ends_s = self._ends_s(timeout_s)
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._send_once(endpoint, ends_s - self._monotonic_s())
            except PneumoError as failure:
                self._back_off(failure, attempt, ends_s, idempotent=endpoint.idempotent)
            else:
                return endpoint.read(response)

    def _poll_outcome(self, id_: str, timeout_s: float | None = None) -> Prediction:
        """Poll until a prediction has ended. Raises DeadlineExceededError, PneumoError."""
        ends_s = self._ends_s(timeout_s)
        endpoint = Endpoint("GET", resource_path("/v1/predictions", id_), read_outcome)
        while True:
            found = self._send(endpoint, ends_s - self._monotonic_s())
            if isinstance(found, Prediction):
                return found
            pause_s = _POLL_S if found.retry_after_s is None else found.retry_after_s
            if self._monotonic_s() + pause_s >= ends_s:
                waited_s = self._timeout_s if timeout_s is None else timeout_s
                raise DeadlineExceededError(
                    "deadline_exceeded",
                    HTTPStatus.GATEWAY_TIMEOUT.value,
                    f"No outcome within {waited_s:g} s. It can still be read later.",
                    id=found.id,
                )
            self._sleep(pause_s)

    def _upload_forms(
        self, forms: Sequence[Form], on_progress: ProgressCallback | None, timeout_s: float
    ) -> UploadReport:
        """Send forms one after the other and return one report of all.

        Raises InvalidInputError if no image was accepted, and any other ApiError at once, with the
        images accepted so far in its `accepted`.
        """
        total_bytes = sum(form.size_bytes for form in forms)
        sent_bytes, report, refusal = 0, UploadReport(), None
        for form in forms:
            body = form.new_body(on_progress, sent_bytes, total_bytes)
            try:
                part = self._send(new_upload(form.content_type, body), timeout_s)
            except InvalidInputError as error:
                if not error.rejected:
                    raise
                refusal = error
                part = UploadReport(accepted=error.accepted, rejected=error.rejected)
            except ApiError as error:
                error.accepted = report.accepted + error.accepted
                raise
            sent_bytes += form.size_bytes
            report = UploadReport(
                accepted=report.accepted + part.accepted, rejected=report.rejected + part.rejected
            )
        if refusal is not None and not report.accepted:
            refusal.rejected = report.rejected
            raise refusal
        return report

    def _watch_job(self, id_: str) -> Generator[JobEvent, None]:
        """Yield a job's present state and every change, until the job has ended.

        A broken stream is opened again; the retries count from the last new event.
        Raises PneumoError.
        """
        last: JobEvent | None = None
        attempt, ends_s = 0, self._ends_s(None)
        while True:
            newest_before = last
            try:
                with closing(self._read_events(id_, last)) as events:
                    for event in events:
                        if event != last:
                            last = event
                            yield event
            except PneumoError as failure:
                if last is not None and last.has_ended:
                    return
                if last != newest_before:
                    attempt, ends_s = 0, self._ends_s(None)
                attempt += 1
                self._back_off(failure, attempt, ends_s, idempotent=True)
            else:
                return

    def _read_events(self, id_: str, last: JobEvent | None) -> Generator[JobEvent, None]:
        """Yield the events of one connection after `last`.

        Ends if none will follow. Raises PneumoError if the connection ends otherwise.
        """
        headers = {"Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last.at_ms)
        path = resource_path("/v1/jobs", id_, "events")
        endpoint = Endpoint("GET", path, lambda _: None, headers=headers)
        response = self._send_once(endpoint, _SILENCE_S, stream=True)
        try:
            if response.status_code == HTTPStatus.NO_CONTENT:
                return
            for line in response.iter_lines():
                event = parse_event_line(line)
                if event is not None:
                    yield event
        except httpx.TransportError:
            pass  # raised below: to the caller it is the same as an early end
        finally:
            response.close()
        raise ConnectionFailedError("The event stream ended early.", was_sent=True)

    def _send_once(
        self, endpoint: Endpoint[T], timeout_s: float, *, stream: bool = False
    ) -> httpx.Response:
        request = new_request(self._http, endpoint, timeout_s)
        try:
            response = self._http.send(request, stream=stream)
            if not response.is_success:
                response.read()
        except httpx.TransportError as error:
            raise new_connection_error(error, self.url) from error
        if response.is_success or response.status_code in endpoint.success_statuses:
            return response
        raise new_api_error(response)

    def _back_off(
        self, failure: PneumoError, attempt: int, ends_s: float, *, idempotent: bool
    ) -> None:
        """Sleep until the next attempt. Raises the failure if there is none."""
        wait_s = decide_wait(
            self._retries,
            attempt,
            failure,
            idempotent=idempotent,
            left_s=ends_s - self._monotonic_s(),
            jitter=self._jitter(),
        )
        if wait_s is None:
            raise failure
        self._sleep(wait_s)

    def _ends_s(self, timeout_s: float | None) -> float:
        return self._monotonic_s() + (self._timeout_s if timeout_s is None else timeout_s)
