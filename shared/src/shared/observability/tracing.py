"""Traces: none, until the environment says where they go; then OpenTelemetry's.

Spans are made from times that are measured anyhow. Nothing of OpenTelemetry's is imported here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, Protocol

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Kind = Literal["server", "producer", "consumer", "internal"]
"""Of a span: whose side of a call or of a record it tells of."""

Attributes = Mapping[str, str | int | float]
"""Never an image, a file's name, or an API key: whoever may see traces may not see patients."""

NS_PER_MS = 1_000_000


class TracingSettings(BaseSettings):
    """OTEL_*, as OpenTelemetry has them; all that are not named here are read by its SDK."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Of a collector that takes OTLP over HTTP, without the path; None: there are no traces."""
    traces_endpoint: str | None = Field(
        default=None, validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )
    """The same with its path, for traces alone."""
    exporter: str = Field(default="otlp", validation_alias="OTEL_TRACES_EXPORTER")
    """none: there are no traces, whatever the endpoint."""
    disabled: bool = Field(default=False, validation_alias="OTEL_SDK_DISABLED")
    """There are no traces, whatever the endpoint."""

    @property
    def url(self) -> str | None:
        """Where spans are sent; None: nowhere, and none are made."""
        if self.disabled or self.exporter != "otlp":
            return None
        if self.endpoint is None or self.traces_endpoint is not None:
            return self.traces_endpoint
        return f"{self.endpoint.rstrip('/')}/v1/traces"


class Span(Protocol):
    """A part of a trace, begun."""

    @property
    def traceparent(self) -> str:
        """What makes another span a child of this one."""
        ...

    @property
    def trace_id(self) -> str | None:
        """32 hexadecimal digits; None if the trace is not sampled: nothing more need be told."""
        ...

    @property
    def started_ns(self) -> int:
        """Unix nanoseconds; 0 if the trace is not sampled."""
        ...

    def note(self, attributes: Attributes) -> None:
        """Add what is known by now."""
        ...

    def end(self, *, at_ns: int | None = None, error: str | None = None) -> None:
        """Hand it over to be sent. at_ns: None for now. error: a code, where it failed."""
        ...


class Tracer(Protocol):
    """Begins spans."""

    def start(
        self,
        name: str,
        kind: Kind,
        *,
        parent: str | None,
        at_ns: int | None = None,
        attributes: Attributes | None = None,
    ) -> Span:
        """Begin one. parent: a valid traceparent; None begins a trace. at_ns: None for now."""
        ...


@asynccontextmanager
async def open_tracing(
    settings: TracingSettings, *, service: str, instance: str
) -> AsyncIterator[Tracer | None]:
    """Give what makes spans, or None where they have nowhere to go.

    service, instance: as which this process appears. What is left at the end is sent, in 2 s.
    """
    if settings.url is None:
        yield None
        return
    # Who does not trace shall not pay for it: 40 modules, and a thread that sends.
    from shared.observability.otlp import OtlpTracer  # noqa: PLC0415

    tracer = OtlpTracer(settings.url, service=service, instance=instance)
    try:
        yield tracer
    finally:
        await asyncio.to_thread(tracer.close)
