"""The report against what R4 demands of it: required elements, types, bound codes, references."""

import re
from xml.etree import ElementTree as ET

import pytest

from gateway.core.fhir import RESEARCH_ONLY, diagnostic_report
from shared.contracts.predict import ModelRef, Succeeded

ID = "01a209bd-8adc-7599-8daf-313e762d18cf"
ISSUED_MS = 1_795_459_746_524
REPORT_STATUSES = {
    *("registered", "partial", "preliminary", "final", "amended", "corrected", "appended"),
    *("cancelled", "entered-in-error", "unknown"),
}
OBSERVATION_STATUSES = REPORT_STATUSES - {"partial", "appended"}
DEVICE_NAMES = {
    *("udi-label-name", "user-friendly-name", "patient-reported-name"),
    *("manufacturer-name", "model-name", "other"),
}
ELEMENTS = {
    "DiagnosticReport": {
        *("resourceType", "id", "meta", "text", "contained", "identifier", "status", "category"),
        *("code", "issued", "result", "conclusion", "conclusionCode"),
    },
    "Observation": {
        *("resourceType", "id", "status", "code", "valueQuantity", "valueCodeableConcept"),
        *("device", "component"),
    },
    "Device": {"resourceType", "id", "deviceName", "type", "version"},
}
"""Those of R4's that we use; any other is a slip."""
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def new_answer(**changes):
    return Succeeded(
        id=ID,
        label="PNEUMONIA",
        confidence=0.8125,
        probabilities={"NORMAL": 0.1875, "PNEUMONIA": 0.8125},
        model=ModelRef(name="pneumonia", version="7"),
        **changes,
    )


def check_concept(concept):
    assert set(concept) <= {"coding", "text"}
    assert concept.get("coding") or concept["text"]
    for coding in concept.get("coding", ()):
        assert set(coding) <= {"system", "code", "display"}
        assert re.fullmatch(r"(urn|http):\S+", coding["system"])
        assert re.fullmatch(r"\S+( \S+)*", coding["code"])


def check_observation(observation):
    assert observation["status"] in OBSERVATION_STATUSES
    check_concept(observation["code"])
    assert len([name for name in observation if name.startswith("value")]) == 1
    if "valueQuantity" in observation:
        quantity = observation["valueQuantity"]
        assert set(quantity) == {"value", "unit", "system", "code"}
        assert 0 <= quantity["value"] <= 1
        assert (quantity["system"], quantity["code"]) == ("http://unitsofmeasure.org", "1")
    else:
        check_concept(observation["valueCodeableConcept"])
    for component in observation.get("component", ()):
        assert set(component) == {"code", "valueBoolean"}
        assert isinstance(component["valueBoolean"], bool)
        check_concept(component["code"])


def check_report(report):
    for resource in (report, *report["contained"]):
        assert set(resource) <= ELEMENTS[resource["resourceType"]]
        assert _ID.fullmatch(resource["id"])
        # An element is never empty (ele-1).
        assert all(value not in (None, "", [], {}) for value in resource.values())
    assert report["resourceType"] == "DiagnosticReport"
    assert report["status"] in REPORT_STATUSES
    for concept in (report["code"], *report["category"], *report["conclusionCode"]):
        check_concept(concept)
    assert _INSTANT.fullmatch(report["issued"])
    div = ET.fromstring(report["text"]["div"])
    assert div.tag == "{http://www.w3.org/1999/xhtml}div"
    assert report["text"]["status"] in {"generated", "extensions", "additional", "empty"}
    ids = [each["id"] for each in report["contained"]]
    assert len(set(ids)) == len(ids)
    by_id = {each["id"]: each for each in report["contained"]}
    pointed = {each["reference"] for each in report["result"]}
    for reference in pointed:
        assert by_id[reference.removeprefix("#")]["resourceType"] == "Observation"
    for each in report["contained"]:
        assert not {"contained", "meta", "text"} & set(each)
        if each["resourceType"] == "Observation":
            check_observation(each)
            assert by_id[each["device"]["reference"].removeprefix("#")]["resourceType"] == "Device"
            pointed.add(each["device"]["reference"])
        else:
            assert all(set(name) == {"name", "type"} for name in each["deviceName"])
            assert {name["type"] for name in each["deviceName"]} <= DEVICE_NAMES
    # Nothing is contained that nobody points at (dom-3).
    assert pointed == {f"#{id_}" for id_ in ids}


@pytest.mark.parametrize(
    "changes",
    [{}, {"warnings": ("close_call", "view_not_frontal"), "in_domain": False}],
)
def test_a_report_is_one_by_r4(changes):
    check_report(diagnostic_report(new_answer(**changes), ISSUED_MS))


def test_it_says_the_answer_and_that_it_is_for_research_and_names_no_patient():
    answer = new_answer(warnings=("view_not_frontal",), in_domain=False)
    report = diagnostic_report(answer, ISSUED_MS)
    assert report["issued"] == "2026-11-23T18:49:06.524Z"
    assert report["status"] == "preliminary"
    assert report["meta"]["security"][0]["code"] == "HRESCH"
    for text in (
        report["conclusion"],
        report["text"]["div"],
        report["contained"][0]["type"]["text"],
    ):
        assert RESEARCH_ONLY in text
    assert "view_not_frontal" in report["conclusion"]
    device, label, *classes = report["contained"]
    assert [each["valueQuantity"]["value"] for each in classes] == [0.1875, 0.8125]
    assert [each["code"]["coding"][0]["code"] for each in classes] == ["NORMAL", "PNEUMONIA"]
    assert device["version"] == [{"value": "7"}]
    said = {each["code"]["coding"][0]["code"]: each["valueBoolean"] for each in label["component"]}
    assert said == {"in-domain": False, "view_not_frontal": True}
    assert not re.search(r'"(subject|patient|performer)"|Patient', str(report))
