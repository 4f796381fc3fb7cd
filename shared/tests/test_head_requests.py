"""HEAD over a real server, as all services are served."""

import asyncio
import socket

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from shared.http.head_requests import HeadRequests
from shared.observability.health_router import new_health_router
from shared.observability.serving import serve


def new_service():
    app = FastAPI()
    app.include_router(new_health_router(lambda: {"model": False}, CollectorRegistry()))

    @app.get("/status")
    async def status():
        return {"it": "is"}

    @app.post("/jobs")
    async def jobs():
        return {}

    return app


@pytest.fixture
async def client():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(new_service(), host="127.0.0.1", port=port, stop=stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        async with asyncio.timeout(20):
            while True:
                try:
                    await client.get("/status")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.01)
        yield client
    stop.set()
    await serving


async def test_head_is_get_without_a_body(client):
    for path in ("/health/live", "/health/ready", "/metrics", "/status", "/nowhere", "/jobs"):
        got, head = await client.get(path), await client.head(path)
        assert head.status_code == got.status_code, path
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.content == b""
        assert path == "/metrics" or head.headers["content-length"] == got.headers["content-length"]
    # The connection is still in order.
    assert (await client.get("/status")).json() == {"it": "is"}
    assert (await client.post("/status")).status_code == 405


async def test_head_of_a_stream_ends_with_its_headers():
    async def beats():
        while True:
            yield b"beat\n"
            await asyncio.sleep(0)

    async def events(_):
        return StreamingResponse(beats())

    sent, is_gone = [], asyncio.Event()

    async def send(message):
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            is_gone.set()

    async def receive():
        await is_gone.wait()
        return {"type": "http.disconnect"}

    app = HeadRequests(Starlette(routes=[Route("/events", events)]))
    scope = {"type": "http", "method": "HEAD", "path": "/events", "headers": []}
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b""
