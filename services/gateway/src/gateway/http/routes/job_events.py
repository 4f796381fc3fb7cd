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
        "description": "Events `state`, each with all there is to say; ends after a terminal one.",
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
    204: {"description": "`Last-Event-ID` is the job's last event: nothing will follow."},
}


def new_job_events_router(registry: JobRegistry, feeds: JobFeeds, *, beat_s: float) -> APIRouter:
    """Serve the streams. beat_s: after so long without an event a comment is sent."""
    router = APIRouter(tags=["jobs"])

    @router.get(
        "/v1/jobs/{id}/events",
        response_class=Response,
        responses=_STREAM
        | problem_responses(
            ErrorCode.NOT_FOUND, ErrorCode.OVERLOADED, ErrorCode.REGISTRY_UNAVAILABLE
        ),
    )
    async def job_events(id: str, request: Request) -> Response:  # noqa: A002  the path's own word
        """Give the job's present state, then every change, until it has ended."""
        try:
            watch = await open_watch(known_job_id(id), feeds, registry, beat_s=beat_s)
        except TooManyStreamsError:
            detail = "As many streams as the gateway serves are open."
            return problem(ErrorCode.OVERLOADED, detail, headers=RETRY_SOON)
        if _has_seen_the_end(request, watch.first):
            watch.close()
            return Response(status_code=204)
        return _WatchResponse(watch)

    return router


class _WatchResponse(StreamingResponse):
    """A stream that frees its place however it ends, even if it never began."""

    def __init__(self, watch: JobWatch) -> None:
        super().__init__(_text_of(watch), headers=_HEADERS, media_type=_MEDIA_TYPE)
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the job has ended or the client has gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.close()


async def _text_of(watch: JobWatch) -> AsyncIterator[str]:
    async for event in watch.events():
        yield _HEARTBEAT if event is None else _message(event)


def _message(event: TrainEvent) -> str:
    told = event.model_dump_json(exclude={"schema_"})
    return f"id: {event.at_ms}\nevent: state\ndata: {told}\n\n"


def _has_seen_the_end(request: Request, now: TrainEvent) -> bool:
    # A browser's EventSource comes back by itself after the end; a 204 is what stops it.
    last = request.headers.get("last-event-id")
    return now.state in TERMINAL_STATES and last == str(now.at_ms)
