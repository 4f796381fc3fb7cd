"""What a service says of itself when it is scraped."""

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from shared.observability.health import new_health_router


async def test_a_scrape_tells_each_condition_as_it_is_now_and_of_the_process():
    checks = {"broker": False, "model": True}
    app = FastAPI()
    app.include_router(new_health_router(lambda: checks, CollectorRegistry()))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        before = (await client.get("/metrics")).text
        checks["broker"] = True
        after = (await client.get("/metrics")).text
    assert 'pneumo_ready{check="broker"} 0.0' in before
    assert 'pneumo_ready{check="broker"} 1.0' in after
    assert 'pneumo_ready{check="model"} 1.0' in before
    assert "\nprocess_resident_memory_bytes " in after
    assert "\nprocess_cpu_seconds_total " in after
