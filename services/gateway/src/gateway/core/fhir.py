"""An answer as a FHIR R4 DiagnosticReport (hl7.org/fhir/R4/diagnosticreport.html).

A report without a subject: the system knows no patient. It stays `preliminary`, since the system
cannot confirm it, and states in its text, its conclusion and its label that it is for research.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from shared.contracts.predict import Succeeded

RESEARCH_ONLY = "For research use only: not a medical device, not a diagnosis."
STATUS = "preliminary"
_OURS = "urn:pneumostream:"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_UNITS = "http://unitsofmeasure.org"
_DEVICE = "device"
_LABEL = "label"

Resource = dict[str, Any]


def diagnostic_report(answer: Succeeded, issued_ms: int) -> Resource:
    """Return an answer as a DiagnosticReport whose observations and device are inside it.

    issued_ms: when the prediction was asked for, unix milliseconds.
    """
    issued = datetime.fromtimestamp(issued_ms / 1000, UTC)
    observations = [_class_reported(answer), *_probabilities(answer.probabilities)]
    conclusion = _conclusion(answer)
    return {
        "resourceType": "DiagnosticReport",
        "id": answer.id,
        "meta": {"security": [_coding(f"{_TERMINOLOGY}v3-ActReason", "HRESCH")]},
        "text": {"status": "generated", "div": _narrative(conclusion)},
        "contained": [_device(answer), *observations],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{answer.id}"}],
        "status": STATUS,
        "category": [{"coding": [_coding(f"{_TERMINOLOGY}v2-0074", "RAD")]}],
        "code": _concept("report", "chest-radiograph-classes", "Classes of a chest radiograph"),
        "issued": issued.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "result": [{"reference": f"#{each['id']}"} for each in observations],
        "conclusion": conclusion,
        "conclusionCode": [_concept("class", answer.label, answer.label)],
    }


def _class_reported(answer: Succeeded) -> Resource:
    components: list[Resource] = [
        {
            "code": _concept("finding", "in-domain", "Looks like the images learned from"),
            "valueBoolean": answer.in_domain,
        }
    ]
    components += [
        {"code": _concept("warning", word, word), "valueBoolean": True} for word in answer.warnings
    ]
    return _observation(
        _LABEL,
        _concept("finding", "class-reported", "Class reported"),
        {
            "valueCodeableConcept": _concept("class", answer.label, answer.label),
            "component": components,
        },
    )


def _probabilities(probabilities: Mapping[str, float]) -> Sequence[Resource]:
    return [
        _observation(
            f"probability-{number}",
            _concept("probability-of-class", name, f"Probability of {name}"),
            {
                "valueQuantity": {
                    "value": probability,
                    "unit": "probability",
                    "system": _UNITS,
                    "code": "1",
                }
            },
        )
        for number, (name, probability) in enumerate(probabilities.items(), start=1)
    ]


def _observation(id_: str, code: Resource, value: Resource) -> Resource:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": STATUS,
        "code": code,
        **value,
        "device": {"reference": f"#{_DEVICE}"},
    }


def _device(answer: Succeeded) -> Resource:
    return {
        "resourceType": "Device",
        "id": _DEVICE,
        "deviceName": [{"name": f"PneumoStream {answer.model.name}", "type": "model-name"}],
        "type": {"text": f"Software. {RESEARCH_ONLY}"},
        "version": [{"value": answer.model.version}],
    }


def _conclusion(answer: Succeeded) -> str:
    reported = f"Class reported: {answer.label}, probability {answer.confidence:.3f}."
    warned = f" Warnings: {', '.join(answer.warnings)}." if answer.warnings else ""
    domain = "" if answer.in_domain else " The image is unlike those learned from."
    return f"{RESEARCH_ONLY} {reported}{domain}{warned}"


def _narrative(text: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(text)}</p></div>'


def _concept(system: str, code: str, text: str) -> Resource:
    return {"coding": [_coding(_OURS + system, code)], "text": text}


def _coding(system: str, code: str) -> Resource:
    return {"system": system, "code": code}
