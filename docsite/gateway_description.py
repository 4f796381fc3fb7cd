"""The gateway's description of itself, made without a broker, a registry or a port."""

from typing import Any, cast

from prometheus_client import CollectorRegistry

from gateway.core.recent_problems import RecentProblems
from gateway.http.answer_timing import AnswerTimer
from gateway.main.asgi import new_api
from gateway.main.components import Components
from gateway.settings import Settings
from shared.clock import SystemClock


class Unasked:
    """Stands where a route keeps its service: describing routes asks none of them anything."""

    def __getattr__(self, name: str) -> "Unasked":
        return self


def gateway_description() -> dict[str, Any]:
    """Give the gateway's OpenAPI document, as /openapi.json has it."""
    clock = SystemClock()
    components = cast("Components", Unasked())
    timer = AnswerTimer(clock.monotonic_s, lambda *_: None)
    app = new_api(Settings(), components, clock, CollectorRegistry(), timer, RecentProblems())
    return app.openapi()
