"""What a service says of itself when it is scraped."""

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from shared.observability.health import new_health_app
from shared.observability.health_router import new_health_router
from shared.observability.stages import StageSeconds

OPENMETRICS = "application/openmetrics-text"


def new_api(readiness, metrics):
    app = FastAPI()
    app.include_router(new_health_router(readiness, metrics))
    return app


@pytest.fixture(params=[new_health_app, new_api])
def checks_and_client(request):
    checks = {"broker": False, "model": True}
    transport = httpx.ASGITransport(request.param(lambda: checks, CollectorRegistry()))
    return checks, httpx.AsyncClient(transport=transport, base_url="http://service")


async def test_a_service_is_ready_when_every_condition_holds_and_says_which_does_not(
    checks_and_client,
):
    checks, client = checks_and_client
    async with client:
        before = await client.get("/health/ready")
        checks["broker"] = True
        after = await client.get("/health/ready")
        alive = await client.get("/health/live")
    assert (before.status_code, before.json()["status"]) == (503, "not_ready")
    assert before.json()["checks"] == {"broker": False, "model": True}
    assert (after.status_code, after.json()["status"]) == (200, "ready")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})


async def test_a_dependency_that_is_away_is_told_and_decides_nothing():
    away = {"broker": False}
    app = FastAPI()
    app.include_router(
        new_health_router(lambda: {"topics": True}, CollectorRegistry(), lambda: away)
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        ready = await client.get("/health/ready")
        scraped = (await client.get("/metrics")).text
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "checks": {"topics": True}, "dependencies": away}
    assert 'pneumo_ready{check="broker"} 0.0' in scraped
    assert 'pneumo_ready{check="topics"} 1.0' in scraped


async def test_a_scrape_tells_each_condition_as_it_is_now_and_of_the_process(checks_and_client):
    checks, client = checks_and_client
    async with client:
        before = (await client.get("/metrics")).text
        checks["broker"] = True
        after = (await client.get("/metrics")).text
    assert 'pneumo_ready{check="broker"} 0.0' in before
    assert 'pneumo_ready{check="broker"} 1.0' in after
    assert 'pneumo_ready{check="model"} 1.0' in before
    assert "\nprocess_resident_memory_bytes " in after
    assert "\nprocess_cpu_seconds_total " in after


@pytest.mark.parametrize(
    ("accept", "kind", "exemplar"),
    [
        (f"{OPENMETRICS};version=1.0.0,*/*;q=0.1", OPENMETRICS, True),
        ("*/*", "text/plain", False),
    ],
)
async def test_a_scrape_shows_exemplars_to_who_asks_for_openmetrics(accept, kind, exemplar):
    metrics = CollectorRegistry()
    app = new_health_app(lambda: {"broker": True}, metrics)
    StageSeconds(metrics).observe("admit", 0.003, "4bf9")
    Counter("pneumo_tried_total", "Tries.", registry=metrics).inc()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://s") as client:
        answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(f"{kind}; version=")
    lines = answer.text.splitlines()
    assert "pneumo_tried_total 1.0" in lines
    bucket = next(line for line in lines if 'le="0.004",stage="admit"' in line)
    assert ('# {trace_id="4bf9"} 0.003' in bucket) == exemplar
