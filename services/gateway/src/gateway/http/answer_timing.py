"""The time of an answer by stages, as a header and to whoever counts."""

from collections.abc import Callable, Mapping

from starlette.types import Scope

from gateway.core.stages import split_ms
from gateway.http.request_tracing import trace_of
from gateway.ports import Outcome

STARTED_S = "pneumo.started_s"
"""Where a request's beginning lies in its scope, by the monotonic clock."""

ObserveStage = Callable[[str, float, str | None], None]
"""stage, seconds, id of the trace if it is sampled."""


class AnswerTimer:
    """Splits the time since a request began; tells `observe` of the gateway's own stages."""

    def __init__(self, monotonic_s: Callable[[], float], observe: ObserveStage) -> None:
        self._monotonic_s = monotonic_s
        self._observe = observe

    def stages_ms(self, scope: Scope, accepted_s: float, outcome: Outcome) -> dict[str, float]:
        """Give the stages of the answer that is sent now; `accepted_s`: its record was on Kafka."""
        started_s: float = scope[STARTED_S]
        total_ms = (self._monotonic_s() - started_s) * 1e3
        stages = split_ms(total_ms, (accepted_s - started_s) * 1e3, outcome.timings)
        trace = trace_of(scope)
        if trace is not None:
            trace.answered(outcome, stages)
        # The worker counts its own, once for each request and not for each answer.
        for own in ("admit", "reply"):
            self._observe(own, stages[own] / 1e3, None if trace is None else trace.trace_id)
        return stages


def server_timing(stages_ms: Mapping[str, float]) -> dict[str, str]:
    """Give stages their header (W3C Server Timing); no header where there are none."""
    if not stages_ms:
        return {}
    said = ", ".join(f"{stage};dur={ms:.2f}" for stage, ms in stages_ms.items())
    return {"Server-Timing": said}
