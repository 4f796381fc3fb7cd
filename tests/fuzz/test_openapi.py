"""The API against its own description: every answer is one that the description foresees."""

from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as openapi

from shared.testing.wire import GIVEAWAYS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

EXAMPLES = 20
"""Requests of each kind to each route."""
LEAST = 100
CHECKS = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_schema_conformance,
    openapi.response_headers_conformance,
    openapi.allow_header_conformance,
]


def fuzz(operation, mode):
    """Send what fits the description (POSITIVE), or what just does not; give how often."""
    sent = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        nonlocal sent
        sent += 1
        response = case.call(timeout=30)
        case.validate_response(response, checks=CHECKS)
        assert not any(word in response.content for word in GIVEAWAYS), response.text

    ask()
    return sent


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_one_that_the_description_foresees(stack, mode):
    schema = schemathesis.openapi.from_url(f"{stack.gateway.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    sent = 0
    for operation in operations:
        # Of a route that takes nothing, nothing can be wrong.
        with suppress(Unsatisfiable):
            sent += fuzz(operation, mode)
    assert sent >= LEAST
    for process in stack.processes:
        process.wait_ready()
        assert "Traceback" not in process.log
