"""One trace from the caller through gateway and worker and back, as a collector sees it."""

import shutil
import subprocess
import sys
import time

import httpx
import pytest

from embedded.ports import free_ports
from shared.testing.collector import Collector
from shared.testing.images import new_jpeg
from shared.testing.prometheus import watched

TRACE_ID, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STAGES = ["admit", "queue", "decode", "infer", "reply"]
FILE_NAME, KEY = "mueller-anna.jpeg", "pneumo-not-to-be-told"


@pytest.fixture
def collector(monkeypatch):
    with Collector().running() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


def ask(stack, image, trace_id=TRACE_ID, *, sampled=True):
    return httpx.post(
        f"{stack.gateway.url}/v1/predictions",
        files={"file": (FILE_NAME, image, "image/jpeg")},
        headers={
            "traceparent": f"00-{trace_id}-{CALLER}-0{int(sampled)}",
            "X-API-Key": KEY,
            "Prefer": "wait=30",
        },
        timeout=60,
    )


def check_what_a_trace_shows(collector, response, topic):
    spans = collector.trace(TRACE_ID, at_least=8)
    by_name = {span.name: span for span in spans}
    send, process, server = f"send {topic}", f"process {topic}", "POST /v1/predictions"
    assert {(s.name, s.service, s.kind) for s in spans} == {
        (server, "gateway", "SERVER"),
        (send, "gateway", "PRODUCER"),
        (process, "inference-worker", "CONSUMER"),
        *((name, "gateway", "INTERNAL") for name in ("admit", "reply")),
        *((name, "inference-worker", "INTERNAL") for name in ("queue", "decode", "infer")),
    }
    assert by_name[server].parent_id == CALLER
    for parent, children in {
        server: ("admit", send, "reply"),
        send: ("queue", process),
        process: ("decode", "infer"),
    }.items():
        for child in children:
            assert by_name[child].parent_id == by_name[parent].span_id, child
    said = dict(part.split(";dur=") for part in response.headers["Server-Timing"].split(", "))
    for stage in STAGES:
        took_ms = (by_name[stage].end_ns - by_name[stage].start_ns) / 1e6
        assert took_ms == pytest.approx(float(said[stage]), abs=0.02), stage
    return by_name[server].attributes, by_name[send].attributes, by_name[process].attributes


def check_attributes(answer, topic, server, send, process):
    outcome = {"pneumo.outcome": "succeeded", "pneumo.model.version": answer["model"]["version"]}
    assert (
        server.items()
        >= (
            outcome | {"http.response.status_code": 200, "pneumo.prediction.id": answer["id"]}
        ).items()
    )
    record = {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.message.id": answer["id"],
    }
    assert send.items() >= (record | {"messaging.operation.type": "send"}).items()
    assert (
        process.items()
        >= (record | outcome | {"messaging.operation.type": "process", "pneumo.attempt": 1}).items()
    )


def check_exemplars(stack):
    """From a bucket to the trace: both services, the stages and the requests."""
    found = []
    for process in (stack.gateway, *stack.workers):
        accept = {"Accept": "application/openmetrics-text"}
        answer = httpx.get(f"{process.url}/metrics", headers=accept)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        found += [line for line in answer.text.splitlines() if f'trace_id="{TRACE_ID}"' in line]
    assert any(line.startswith("pneumo_http_request_seconds_bucket") for line in found)
    for stage in STAGES:
        assert any(f'stage="{stage}"' in line for line in found), stage


def check_what_failed_while_it_was_read(collector, refused, trace_id):
    """It got as far as decoding, and its answer says so too."""
    assert refused.status_code == 422
    timing = refused.headers["Server-Timing"].split(", ")
    assert [part.split(";")[0] for part in timing] == ["admit", "queue", "decode", "reply"]
    found = collector.trace(trace_id, at_least=7)
    assert "infer" not in {span.name for span in found}
    assert not any(span.failed for span in found)
    assert {span.attributes.get("pneumo.outcome") for span in found} == {None, "failed"}


@pytest.mark.kafka
def test_one_trace_leads_from_the_caller_to_the_worker_and_back(collector, stack, kafka_settings):
    topic = f"{kafka_settings.topic_prefix}predict.requests"
    # Its caller wants no trace of it: it would be sent before the others.
    assert ask(stack, new_jpeg(), "a" * 32, sampled=False).status_code == 200
    response = ask(stack, new_jpeg())
    assert response.status_code == 200
    attributes = check_what_a_trace_shows(collector, response, topic)
    check_attributes(response.json(), topic, *attributes)
    check_exemplars(stack)
    refused = ask(stack, new_jpeg()[:900], "b" * 32)
    check_what_failed_while_it_was_read(collector, refused, "b" * 32)
    assert "a" * 32 not in {span.trace_id for span in collector.spans()}
    for body in collector.bodies:
        assert FILE_NAME.encode() not in body
        assert KEY.encode() not in body


@pytest.mark.kafka
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs the program prometheus")
def test_a_real_prometheus_scrapes_what_leads_to_the_trace(collector, stack, tmp_path):
    assert ask(stack, new_jpeg()).status_code == 200
    targets = {"gateway": [stack.gateway.address], "worker": [w.address for w in stack.workers]}
    (port,) = free_ports(1)
    asked = {"query": "pneumo_stage_seconds_bucket", "start": "0", "end": "9999999999"}
    with watched(targets, {}, tmp_path / "prometheus", port) as prometheus:
        found, give_up_s = set(), time.monotonic() + 60
        while found != set(STAGES) and time.monotonic() < give_up_s:
            time.sleep(0.5)
            answer = httpx.get(f"{prometheus.url}/api/v1/query_exemplars", params=asked)
            found = {
                series["seriesLabels"]["stage"]
                for series in answer.json()["data"]
                for exemplar in series["exemplars"]
                if exemplar["labels"] == {"trace_id": TRACE_ID}
            }
        assert found == set(STAGES)
        up = httpx.get(f"{prometheus.url}/api/v1/query", params={"query": "up"}).json()
        assert [series["value"][1] for series in up["data"]["result"]] == ["1"] * 3


@pytest.mark.parametrize("package", ["gateway", "inference_worker"])
def test_without_a_collector_nothing_of_the_sdk_is_loaded(package, monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    program = f"""
import asyncio, sys
import {package}.main
from {package}.settings import Settings
from shared.observability.tracing import open_tracing

async def main():
    async with open_tracing(Settings().tracing, service="x", instance="y") as tracer:
        assert tracer is None

asyncio.run(main())
found = [m for m in sys.modules if m.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
