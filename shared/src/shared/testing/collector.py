"""A collector of traces in the test's own process: what services send it by OTLP, decoded."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_PATIENCE_S = 60.0
_POLL_S = 0.05


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it was sent; ids in hexadecimal, kind as OTLP names it, times in unix ns."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: dict[str, str | int]


class Collector:
    """Takes spans at `url`/v1/traces for as long as it is not told to be silent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answers = Event()
        self.answers.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._new_handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[ReceivedSpan]:
        """Give every span so far, in the order of their beginnings."""
        found = [span for body in list(self.bodies) for span in _decode(body)]
        return sorted(found, key=lambda span: span.start_ns)

    def trace(self, trace_id: str, *, at_least: int) -> list[ReceivedSpan]:
        """Give the spans of one trace once there are so many. Raises AssertionError without."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            found = [span for span in self.spans() if span.trace_id == trace_id]
            if len(found) >= at_least:
                return found
            time.sleep(_POLL_S)
        raise AssertionError(f"{[span.name for span in self.spans()]} is all that came")

    @contextmanager
    def running(self) -> Iterator["Collector"]:
        """Listen for the length of the block."""
        serving = Thread(target=self._server.serve_forever, args=(_POLL_S,))
        serving.start()
        try:
            yield self
        finally:
            self.answers.set()
            self._server.shutdown()
            serving.join()
            self._server.server_close()

    def _new_handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.answers.wait(_PATIENCE_S)
                if self.path == "/v1/traces":
                    collector.bodies.append(body)
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its own word
                """Say nothing."""

        return Handler


def _decode(body: bytes) -> Iterator[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    for process in request.resource_spans:
        service = str(_plain(process.resource.attributes)["service.name"])
        for scope in process.scope_spans:
            for span in scope.spans:
                yield _received(service, span)


def _received(service: str, span: Span) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        attributes=_plain(span.attributes),
    )


def _plain(pairs: Iterable[KeyValue]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for pair in pairs:
        value = pair.value
        found[pair.key] = value.int_value if value.HasField("int_value") else value.string_value
    return found
