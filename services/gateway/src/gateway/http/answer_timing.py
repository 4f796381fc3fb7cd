"""The duration of a response by stages, as a header and for the metrics."""

from collections.abc import Callable, Mapping

from starlette.types import Scope

from gateway.core.stages import split_ms
from gateway.http.request_tracing import trace_of
from gateway.ports import Outcome

STARTED_S = "pneumo.started_s"
"""Name of the request's start in its ASGI scope, seconds of the monotonic clock."""

ObserveStage = Callable[[str, float, str | None], None]
"""stage, seconds, id of the trace if it is sampled."""


class AnswerTimer:
    """Splits the time since a request began; reports the gateway's own stages to `observe`."""

    def __init__(self, monotonic_s: Callable[[], float], observe: ObserveStage) -> None:
        self._monotonic_s = monotonic_s
        self._observe = observe

    def stages_ms(self, scope: Scope, accepted_s: float, outcome: Outcome) -> dict[str, float]:
        """Return the stages of the response sent now. accepted_s: when its record was on Kafka."""
        started_s: float = scope[STARTED_S]
        total_ms = (self._monotonic_s() - started_s) * 1e3
        stages = split_ms(total_ms, (accepted_s - started_s) * 1e3, outcome.timings)
        trace = trace_of(scope)
        if trace is not None:
            trace.answered(outcome, stages)
        # Workers count their own stages, once per request.
        for own in ("admit", "reply"):
            self._observe(own, stages[own] / 1e3, None if trace is None else trace.trace_id)
        return stages


def server_timing(stages_ms: Mapping[str, float]) -> dict[str, str]:
    """Return the Server-Timing header (W3C) of the stages; no header without stages."""
    if not stages_ms:
        return {}
    durations = ", ".join(f"{stage};dur={ms:.2f}" for stage, ms in stages_ms.items())
    return {"Server-Timing": durations}
