"""Which form of an answer a header asks for."""

import pytest

from gateway.core.media_types import FHIR, JSON, choose_media_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (FHIR, FHIR),
        ("Application/FHIR+JSON ; fhirVersion=4.0", FHIR),
        (f"{FHIR}, {JSON}", JSON),
        (f"{FHIR}, {JSON};q=0.9", FHIR),
        (f"{FHIR};q=0.2, {JSON};q=0.1", FHIR),
        (f"{FHIR}, */*;q=0.1", FHIR),
        (f"*/*, {JSON};q=0", FHIR),
        (f"application/*;q=0.3, {FHIR};q=0.2", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("rubbish", JSON),
        (f"{FHIR};q=high, */*", JSON),
        ("text/html", None),
        (f"{JSON};q=0", None),
        ("*/*;q=0", None),
        (f"{JSON};q=0, {FHIR};q=0.0", None),
    ],
)
def test_the_header_decides(accept, expected):
    assert choose_media_type(accept, (JSON, FHIR)) == expected
