"""The API's page: every file of it comes from the service."""

import re

import httpx
import pytest
from fastapi import FastAPI

from shared.http.api_page import add_api_page


@pytest.fixture
def client():
    app = FastAPI(title="<API>", docs_url=None, redoc_url=None)
    add_api_page(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


async def test_the_page_names_no_other_host_and_may_load_from_none(client):
    async with client:
        page = await client.get("/docs")
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        answers = [await client.get(f"/{each}") for each in loaded]
        script = await client.get("/docs/start.js")
    assert len(loaded) == 4
    assert not [each for each in loaded if "//" in each or each.startswith("/")]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert "//" not in script.text
    policies = {each.headers["content-security-policy"] for each in (page, script, *answers)}
    assert len(policies) == 1
    assert "http" not in policies.pop()
    assert "&lt;API&gt;" in page.text


async def test_nothing_else_of_the_package_is_served(client):
    async with client:
        for name in ("__init__.py", "..%2fmain.py", "%2e%2e", "swagger-ui-bundle.js.map"):
            assert (await client.get(f"/docs/{name}")).status_code == 404, name
