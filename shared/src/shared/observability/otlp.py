"""Spans by OpenTelemetry's SDK, sent to a collector by OTLP over HTTP.

Imported only where traces are switched on (tracing.py). Neither the process's global provider nor
its current span is used: a library that makes spans of its own, as FastAPI can, stays silent.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from shared.observability.tracing import Attributes, Kind

_log = structlog.get_logger(__name__)
_CLOSING_S = 2.0
_KINDS: Final[dict[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
_BEHIND_A_WIRE = (SpanKind.SERVER, SpanKind.CONSUMER)
"""Kinds whose parent is in another process."""


class OtlpSpan:
    """A span of the SDK's, as tracing.Span has it."""

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        self._context = span.get_span_context()

    @property
    def traceparent(self) -> str:
        """What makes another span a child of this one."""
        at = self._context
        return f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"

    @property
    def trace_id(self) -> str | None:
        """32 hexadecimal digits; None if the trace is not sampled."""
        return f"{self._context.trace_id:032x}" if self._context.trace_flags.sampled else None

    @property
    def started_ns(self) -> int:
        """Unix nanoseconds; 0 if the trace is not sampled."""
        return self._span.start_time or 0 if isinstance(self._span, ReadableSpan) else 0

    def note(self, attributes: Attributes) -> None:
        """Add what is known by now."""
        self._span.set_attributes(dict(attributes))

    def end(self, *, at_ns: int | None = None, error: str | None = None) -> None:
        """Hand it over to be sent."""
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(at_ns)


class OtlpTracer:
    """Spans of this process, sent in the background; what cannot be sent is dropped.

    Sampler, queue and batches are the SDK's, by OTEL_TRACES_SAMPLER and OTEL_BSP_*.
    """

    def __init__(self, url: str, *, service: str, instance: str) -> None:
        # Their warnings come with every batch; _ToldOnce speaks for them.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        resource = Resource.create(
            {
                "service.namespace": "pneumostream",
                "service.name": service,
                "service.instance.id": instance,
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = _ToldOnce(OTLPSpanExporter(url), url)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("pneumostream")

    def start(
        self,
        name: str,
        kind: Kind,
        *,
        parent: str | None,
        at_ns: int | None = None,
        attributes: Attributes | None = None,
    ) -> OtlpSpan:
        """Begin a span; see tracing.Tracer."""
        sdk_kind = _KINDS[kind]
        context = _below(parent, is_remote=sdk_kind in _BEHIND_A_WIRE)
        known = dict(attributes or {})
        return OtlpSpan(self._tracer.start_span(name, context, sdk_kind, known, start_time=at_ns))

    def close(self) -> None:
        """Send what is left; blocks for 2 s at most, and what has not gone by then is lost."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        closing.start()
        closing.join(_CLOSING_S)


class _ToldOnce(SpanExporter):
    """Says that spans are lost when it begins, and when it is over."""

    def __init__(self, exporter: SpanExporter, url: str) -> None:
        self._exporter = exporter
        self._url = url
        self._losing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; never raises."""
        result = self._exporter.export(spans)
        lost = result is not SpanExportResult.SUCCESS
        if lost and not self._losing:
            _log.warning("traces are lost: the collector takes none", url=self._url)
        elif self._losing and not lost:
            _log.info("the collector takes traces again", url=self._url)
        self._losing = lost
        return result

    def shutdown(self) -> None:
        """End what is under way."""
        self._exporter.shutdown()


def _below(traceparent: str | None, *, is_remote: bool) -> Context:
    if traceparent is None:
        return Context()
    _, trace_id, span_id, flags = traceparent.split("-")
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(parent), Context())
