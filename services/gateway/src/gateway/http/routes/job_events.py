"""GET /v1/jobs/{id}/events: a job as server-sent events."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.http.formats.problems import problem, problem_responses
from gateway.http.formats.responses import RETRY_SOON
from gateway.http.routes.jobs import known_job_id
from gateway.ports import JobRegistry
from gateway.service.jobs import JobFeeds, JobWatch, TooManyStreamsError, open_watch
from shared.contracts.errors import ErrorCode
from shared.contracts.train import TERMINAL_STATES, TrainEvent

_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_HEARTBEAT = ":\n\n"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `state`, each with the complete job; ends after a terminal state.",
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
    204: {"description": "`Last-Event-ID` is the job's last event: no more events follow."},
}


def new_job_events_router(registry: JobRegistry, feeds: JobFeeds, *, beat_s: float) -> APIRouter:
    """Serve the streams. beat_s: interval of heartbeat comments without events, seconds."""
    router = APIRouter(tags=["jobs"])

    @router.get(
        "/v1/jobs/{id}/events",
        response_class=Response,
        responses=_STREAM
        | problem_responses(
            ErrorCode.NOT_FOUND, ErrorCode.OVERLOADED, ErrorCode.REGISTRY_UNAVAILABLE
        ),
    )
    async def job_events(id: str, request: Request) -> Response:  # noqa: A002  the name in the path
        """Stream the job's current state, then every change, until it has ended."""
        try:
            watch = await open_watch(known_job_id(id), feeds, registry, beat_s=beat_s)
        except TooManyStreamsError:
            detail = "Too many event streams are open."
            return problem(ErrorCode.OVERLOADED, detail, headers=RETRY_SOON)
        if _has_seen_the_end(request, watch.first):
            watch.close()
            return Response(status_code=204)
        return _WatchResponse(watch)

    return router


class _WatchResponse(StreamingResponse):
    """A stream that releases its slot however it ends, even if it never began."""

    def __init__(self, watch: JobWatch) -> None:
        super().__init__(_text_of(watch), headers=_HEADERS, media_type=_MEDIA_TYPE)
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the job has ended or the client disconnects."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.close()


async def _text_of(watch: JobWatch) -> AsyncIterator[str]:
    async for event in watch.events():
        yield _HEARTBEAT if event is None else _message(event)


def _message(event: TrainEvent) -> str:
    data = event.model_dump_json(exclude={"schema_"})
    return f"id: {event.at_ms}\nevent: state\ndata: {data}\n\n"


def _has_seen_the_end(request: Request, now: TrainEvent) -> bool:
    # A browser's EventSource reconnects automatically after the end; only a 204 stops it.
    last = request.headers.get("last-event-id")
    return now.state in TERMINAL_STATES and last == str(now.at_ms)
