"""What the gateway says of itself."""

import pytest

pytestmark = pytest.mark.kafka


async def test_the_description_knows_keys_and_rates_and_nothing_of_the_frameworks_own(run_gateway):
    async with run_gateway() as client:
        asked = await client.get("/openapi.json")
    document = asked.json()
    assert "HTTPValidationError" not in asked.text
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    promote = document["paths"]["/v1/models/{version}/promote"]["post"]
    assert {"200", "401", "403", "429"} <= set(promote["responses"])
    assert "Scope: `admin`" in promote["description"]
    assert "408" in document["paths"]["/predict"]["post"]["responses"]
    create = document["paths"]["/v1/predictions"]["post"]
    assert "application/dicom" in create["requestBody"]["content"]
    forms = set(create["responses"]["200"]["content"])
    assert forms == {"application/json", "application/fhir+json"}
    assert "406" in document["paths"]["/v1/predictions/{id}"]["get"]["responses"]
    named = {p["name"] for p in document["paths"]["/v1/predictions"]["post"]["parameters"]}
    assert named == {"explain", "preview", "Prefer", "traceparent"}
    assert "403" not in document["paths"]["/status"]["get"]["responses"]
    live = document["paths"]["/health/live"]["get"]
    assert "security" not in live
    assert "401" not in live["responses"]
    problems = [
        response
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status.startswith(("4", "5")) and "Problem" in response["description"]
    ]
    assert len(problems) > 100
