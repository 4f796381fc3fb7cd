"""What a worker tells of an attempt, from the times that its outcome carries."""

from dataclasses import dataclass, field

import pytest

from inference_worker.adapters.traces import AttemptTracer
from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import FailedAttempt
from shared.contracts.dead_letters import Cause
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Failed, ModelRef, Succeeded, Timings

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MS = 1_000_000
ANSWER = Succeeded(
    id="1",
    label="sick",
    confidence=1,
    probabilities={"sick": 1},
    model=ModelRef(name="pneumonia", version="7"),
    timings=Timings(queue_ms=20, decode_ms=3, infer_ms=4.5, explain_ms=0.5),
)
BROKEN = Failed(
    id="1", code=ErrorCode.UNDECODABLE, detail="", timings=Timings(queue_ms=20, decode_ms=3)
)
LATE = Expired(id="1", deadline_ms=0, timings=Timings(queue_ms=20))


@dataclass
class Noted:
    """A span that stays here."""

    name: str
    kind: str
    parent: str | None
    started_ns: int
    attributes: dict
    traceparent: str
    trace_id: str | None
    ended: dict = field(default_factory=dict)

    def note(self, attributes):
        self.attributes |= attributes

    def end(self, **how):
        self.ended = how


class Recorder:
    """Stands for the SDK: what it is told, in order."""

    def __init__(self, *, sampled=True):
        self.spans = []
        self._sampled = sampled

    def start(self, name, kind, *, parent, at_ns=None, attributes=None):
        trace = parent.split("-")[1] if parent else "e" * 32
        own = f"00-{trace}-{len(self.spans) + 1:016x}-0{int(self._sampled)}"
        found = Noted(name, kind, parent, at_ns, dict(attributes or {}), own, None)
        found.trace_id = trace if self._sampled else None
        self.spans.append(found)
        return found


def request(traceparent=SENT, attempt=1):
    headers = RequestHeaders("1", 99_000, traceparent=traceparent, attempt=attempt)
    return PredictRequest(headers, b"image", 1_000)


def attempted(result, *, asked=None, sampled=True):
    recorder = Recorder(sampled=sampled)
    tracer = AttemptTracer(recorder, requests="t.requests", retries="t.retry")
    traces = tracer.attempted([asked or request()], [result], began_ms=1_015)
    return recorder.spans, traces


def test_the_stages_follow_one_another_below_the_record_and_the_attempt():
    (process, *stages), traces = attempted(ANSWER)
    assert traces == {"1": SENT.split("-")[1]}
    assert (process.name, process.kind, process.parent) == ("process t.requests", "consumer", SENT)
    assert [stage.parent for stage in stages] == [SENT, *[process.traceparent] * 3]
    assert [(s.name, s.started_ns / MS, s.ended["at_ns"] / MS) for s in stages] == [
        ("queue", 1000, 1020),
        ("decode", 1020, 1023),
        ("infer", 1023, 1027.5),
        ("explain", 1027.5, 1028),
    ]
    # It ends when it is told of: the outcome is confirmed then.
    assert (process.started_ns, process.ended) == (1020 * MS, {"error": None})
    assert process.attributes["pneumo.model.version"] == "7"


@pytest.mark.parametrize(
    ("result", "stages", "about", "error"),
    [
        (BROKEN, ["queue", "decode"], {"pneumo.outcome": "failed"}, None),
        (LATE, ["queue"], {"pneumo.outcome": "expired"}, None),
        (
            FailedAttempt(request(), Cause.INFERENCE_FAILED, "engine on fire"),
            ["queue"],
            {"pneumo.outcome": "failed_attempt"},
            Cause.INFERENCE_FAILED,
        ),
    ],
)
def test_what_ended_early_has_the_stages_that_it_got_to(result, stages, about, error):
    (process, *rest), _ = attempted(result)
    assert [span.name for span in rest] == stages
    assert process.attributes.items() >= about.items()
    assert process.ended == {"error": error}


@pytest.mark.parametrize("written", [None, "00-abc-def-01", SENT.upper(), SENT + "\n", ""])
def test_what_is_no_traceparent_begins_a_trace_of_its_own(written):
    (process, queue, *_), traces = attempted(ANSWER, asked=request(written))
    assert process.parent is None
    assert queue.parent == process.traceparent
    assert traces == {"1": "e" * 32}


def test_a_further_attempt_is_a_sibling_of_the_first_on_the_topic_that_it_came_from():
    (process, *_), _ = attempted(ANSWER, asked=request(attempt=2))
    assert (process.name, process.parent) == ("process t.retry", SENT)
    assert process.attributes["pneumo.attempt"] == 2


def test_of_a_trace_that_is_not_sampled_nothing_more_is_told():
    spans, traces = attempted(ANSWER, sampled=False)
    assert [span.name for span in spans] == ["process t.requests"]
    assert traces == {}
