"""The worker's part of a trace, told afterwards, from the times that the outcome carries anyhow.

Names and attributes: OpenTelemetry's for messaging, with Kafka, beside our own (pneumo.*).
https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

from collections.abc import Mapping, Sequence

from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import FailedAttempt
from inference_worker.ports import Outcome
from shared.contracts.predict import Failed, Succeeded, Timings
from shared.observability.traceparent import parse_traceparent
from shared.observability.tracing import NS_PER_MS, Span, Tracer


class AttemptTracer:
    """A CONSUMER span for each attempt, child of the PRODUCER's; queue, decode and infer by it."""

    def __init__(self, tracer: Tracer, *, requests: str, retries: str) -> None:
        """requests, retries: the topics' names."""
        self._tracer = tracer
        self._requests = requests
        self._retries = retries

    def attempted(
        self,
        requests: Sequence[PredictRequest],
        results: Sequence[Outcome | FailedAttempt],
        began_ms: int,
    ) -> Mapping[str, str]:
        """Tell of one attempt on each, which ends now. Gives the ids of sampled traces by request.

        began_ms: when it began, for those that have no times of their own; unix milliseconds.
        """
        by_id = {_id_of(result): result for result in results}
        sampled = {}
        for request in requests:
            result = by_id[request.headers.id]
            trace_id = self._attempted(request, result, began_ms)
            if trace_id is not None:
                sampled[request.headers.id] = trace_id
        return sampled

    def _attempted(
        self, request: PredictRequest, result: Outcome | FailedAttempt, began_ms: int
    ) -> str | None:
        timings = None if isinstance(result, FailedAttempt) else result.timings
        start_ns = _start_ns(request, timings, began_ms)
        carried = request.headers.traceparent
        # Anybody may have written the header: what is no traceparent begins a trace of its own.
        parent = None if carried is None else parse_traceparent([carried])
        span = self._start(request, parent, start_ns)
        if span.trace_id is None:
            return None
        queued_ns = max(0, min(request.enqueued_ms * NS_PER_MS, start_ns))
        self._stage("queue", parent or span.traceparent, queued_ns, start_ns)
        if timings is not None:
            self._stages(span.traceparent, start_ns, timings)
        span.note(_about(result))
        span.end(error=_error_of(result))
        return span.trace_id

    def _start(self, request: PredictRequest, parent: str | None, at_ns: int) -> Span:
        attempt = request.headers.attempt
        topic = self._requests if attempt <= 1 else self._retries
        return self._tracer.start(
            f"process {topic}",
            "consumer",
            parent=parent,
            at_ns=at_ns,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": topic,
                "messaging.message.id": request.headers.id,
                "messaging.message.body.size": len(request.image),
                "pneumo.attempt": attempt,
            },
        )

    def _stages(self, parent: str, start_ns: int, timings: Timings) -> None:
        for name, took_ms in timings.stages_ms().items():
            if name == "queue":
                continue
            end_ns = start_ns + int(took_ms * NS_PER_MS)
            self._stage(name, parent, start_ns, end_ns)
            start_ns = end_ns

    def _stage(self, name: str, parent: str, start_ns: int, end_ns: int) -> None:
        self._tracer.start(name, "internal", parent=parent, at_ns=start_ns).end(at_ns=end_ns)


def _start_ns(request: PredictRequest, timings: Timings | None, began_ms: int) -> int:
    start_ms = began_ms if timings is None else request.enqueued_ms + timings.queue_ms
    return int(start_ms * NS_PER_MS)


def _id_of(result: Outcome | FailedAttempt) -> str:
    return result.request.headers.id if isinstance(result, FailedAttempt) else result.id


def _error_of(result: Outcome | FailedAttempt) -> str | None:
    # An image that cannot be read, or whose deadline has passed, is no error of the worker's.
    return result.cause if isinstance(result, FailedAttempt) else None


def _about(result: Outcome | FailedAttempt) -> dict[str, str]:
    match result:
        case FailedAttempt():
            return {"pneumo.outcome": "failed_attempt"}
        case Succeeded():
            return {
                "pneumo.outcome": result.status,
                "pneumo.model.name": result.model.name,
                "pneumo.model.version": result.model.version,
            }
        case Failed():
            return {"pneumo.outcome": result.status, "pneumo.code": result.code}
        case _:
            return {"pneumo.outcome": result.status}
