"""Traces go where the environment says, and a collector that is away disturbs nobody."""

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from shared.observability.otlp import OtlpTracer, _ToldOnce
from shared.observability.tracing import TracingSettings, open_tracing
from shared.testing.collector import Collector

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOT_SAMPLED = CALLER[:-1] + "0"


@pytest.fixture
def collector():
    with Collector().running() as collector:
        yield collector


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/t"}, "http://c/t"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/t",
            },
            "http://c/t",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_environment_says_where_traces_go(monkeypatch, env, url):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert TracingSettings().url == url


async def test_spans_are_sent_at_the_end_with_their_parents_and_errors(collector):
    settings = TracingSettings(endpoint=collector.url)
    async with open_tracing(settings, service="gateway", instance="gateway-1") as tracer:
        above = tracer.start("above", "server", parent=CALLER, attributes={"a": 1})
        below = tracer.start("below", "internal", parent=above.traceparent, at_ns=5)
        below.end(at_ns=7, error="broken")
        above.note({"b": "c"})
        above.end()
    first, second = collector.spans()
    assert (first.name, first.start_ns, first.end_ns, first.failed) == ("below", 5, 7, True)
    assert first.attributes == {"error.type": "broken"}
    assert (second.service, second.attributes) == ("gateway", {"a": 1, "b": "c"})
    assert (first.parent_id, second.parent_id) == (second.span_id, CALLER.split("-")[2])
    assert {first.trace_id, second.trace_id} == {above.trace_id} == {CALLER.split("-")[1]}


@pytest.mark.parametrize(
    ("ratio", "parent", "sampled"),
    [("0", None, False), ("1", None, True), ("0", CALLER, True), ("1", NOT_SAMPLED, False)],
)
async def test_a_caller_decides_what_is_sampled_and_else_the_ratio(
    monkeypatch, collector, ratio, parent, sampled
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    settings = TracingSettings(endpoint=collector.url)
    async with open_tracing(settings, service="gateway", instance="gateway-1") as tracer:
        span = tracer.start("one", "server", parent=parent)
        assert (span.trace_id is not None, int(span.traceparent[-2:], 16) & 1) == (sampled, sampled)
        # What goes on with the request is a valid header in any case.
        assert len(span.traceparent) == len(CALLER)
        span.end()
    assert len(collector.spans()) == sampled


class Exporter(SpanExporter):
    result = SpanExportResult.FAILURE

    def export(self, spans):
        return self.result


def test_lost_traces_are_told_of_once_and_so_is_their_return():
    exporter = Exporter()
    told = _ToldOnce(exporter, "http://c")
    with capture_logs() as logs:
        for exporter.result in (
            *[SpanExportResult.FAILURE] * 3,
            *[SpanExportResult.SUCCESS] * 2,
            SpanExportResult.FAILURE,
        ):
            told.export([])
    assert [entry["log_level"] for entry in logs] == ["warning", "info", "warning"]


@pytest.mark.timeout(25)  # the SDK alone would wait for longer at its end
def test_nobody_waits_for_a_collector_that_does_not_answer(collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    collector.answers.clear()
    tracer = OtlpTracer(f"{collector.url}/v1/traces", service="gateway", instance="1")
    for _ in range(100):
        tracer.start("one", "server", parent=None).end()
    tracer.close()
    # It is silent still: whoever had waited for it would not be here.
    assert not collector.answers.is_set()
    assert not collector.bodies


def test_nobody_fails_for_a_collector_that_is_away():
    tracer = OtlpTracer("http://127.0.0.1:9/v1/traces", service="gateway", instance="1")
    tracer.start("one", "server", parent=None).end()
    with capture_logs() as logs:
        tracer.close()
    assert {entry["log_level"] for entry in logs} <= {"warning"}
