"""The model card: what the model is for, what it is not, and what it scored.

The card is a value (card.json); card.md is that value in words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.bundle import Manifest
from trainer.core.dataset import Dataset, count

Card = dict[str, Any]

_INTENDED = (
    "Research software, no medical device. The model sorts frontal chest radiographs of children "
    "by look. It must not be used to diagnose, to treat or to withhold treatment."
)
_LIMITS = """\
Learned from one hospital's pictures of children aged one to five (Kermany et al. 2018) unless \
the data named above says otherwise. Adults, lateral views, other machines: not measured.
Validation patients come from the same folder; corruptions and swapped looks are kinder than a \
new hospital. Calibration and threshold were fitted on validation.
Bacterial against viral is uncertain in the labels themselves; treat it as a hint.
Probabilities assume that every class is equally common; where it is not, multiply in the prior.
The domain guard knows chest radiographs from photographs, pages, altered radiographs and most \
radiographs of other body parts; a shoulder with part of a lung in view may pass.
It knows nothing but its classes: in domain, what is none of them is still given one."""
_KERMANY = """\
Where the layout is kermany-2018: Kermany, Zhang, Goldbaum 2018, Mendeley Data, \
doi 10.17632/rscbjbr9sj"""
_FURTHER = """\
{names}: from another source than the other classes, which can be told by machine, exposure and \
age as well as by disease: no evidence that the disease is seen. See the blacked-out lungs of the \
report."""
_HANNOVER = """\
Where COVID-19 is the COVID-19 Image Repository of Hannover Medical School: Winther et al. 2020, \
doi 10.25835/0090041"""
_SOURCES = (
    {"what": "MobileNetV2 (Sandler et al. 2018), ImageNet weights of Keras", "licence": "MIT"},
    {"what": _KERMANY, "licence": "CC BY 4.0"},
)


def card_of(manifest: Manifest, dataset: Dataset) -> Card:
    """Give the card of a bundle that has not met a test folder yet."""
    further = ", ".join(dataset.further)
    warnings = [_FURTHER.format(names=further)] if further else []
    sources = [*_SOURCES, *([{"what": _HANNOVER, "licence": "CC BY 3.0"}] if further else ())]
    return {
        "name": manifest.name,
        "version": manifest.version,
        "intended_use": _INTENDED,
        "not_for_diagnosis": True,
        "data": {
            "layout": dataset.layout,
            "sha256": manifest.lineage.data_sha256,
            "classes": [
                {"name": one.name, "images": one.images, "patients": one.patients}
                for one in count(dataset)
            ],
            "duplicates_left_out": len(dataset.duplicates),
            "conflicts_left_out": len(dataset.conflicts),
        },
        "lineage": {"seed": manifest.lineage.seed, "code_version": manifest.lineage.code_version},
        "decision": _decision(manifest),
        "validation": manifest.metrics,
        "test": None,
        "limits": [*warnings, *_LIMITS.splitlines()],
        "sources": sources,
    }


def refitted_card(card: Card, manifest: Manifest, learned: Sequence[int]) -> Card:
    """Give the card of a model with a new head, from its parent's.

    learned: uploads of every class that the head was fitted to, beside what is remembered.
    """
    known = {one["name"]: one for one in card["data"]["classes"]}
    empty = {"images": 0, "patients": 0}
    classes = [
        {"name": name, **known.get(name, empty), "uploads": count}
        for name, count in zip(manifest.classes, learned, strict=True)
    ]
    refitted = {"parent": manifest.lineage.parent, "uploads_sha256": manifest.lineage.data_sha256}
    return card | {
        "version": manifest.version,
        "data": card["data"] | {"classes": classes},
        "lineage": {"seed": manifest.lineage.seed, "code_version": manifest.lineage.code_version},
        "refitted": refitted,
        "decision": _decision(manifest),
        "validation": manifest.metrics,
        "test": None,
    }


def _decision(manifest: Manifest) -> dict[str, Any]:
    return {
        "temperature": manifest.calibration.temperature,
        "bias": list(manifest.calibration.bias),
        "reference_class": manifest.decision.reference_class,
        "threshold": manifest.decision.threshold,
    }


def with_test(card: Card, test: Mapping[str, Any]) -> Card:
    """Give the card with what the model scored on a test folder."""
    return card | {"test": dict(test)}


def card_text(card: Card) -> str:
    """Give the card as Markdown."""
    sources = (f"- {one['what']}: {one['licence']}" for one in card["sources"])
    parts = (
        f"# {card['name']} {card['version']}\n\n{card['intended_use']}",
        _data_text(card),
        _decision_text(card),
        _test_text(card["test"]),
        f"## Scored on validation patients\n\n{figure_table(card['validation'], {})}",
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in card["limits"]),
        "## Sources\n\n" + "\n".join(sources),
    )
    return "\n\n".join(parts) + "\n"


def _data_text(card: Card) -> str:
    source, lineage = card["data"], card["lineage"]
    rows = "\n".join(
        f"| {c['name']} | {c['images']} | {c['patients']} |" for c in source["classes"]
    )
    return f"""\
## Learned from

Layout *{source["layout"]}*, data sha256 `{source["sha256"][:16]}…`, seed {lineage["seed"]}, \
code {lineage["code_version"]}.

| class | images | patients |
|---|---|---|
{rows}

{_refitted_text(card)}{source["duplicates_left_out"]} duplicate files and \
{source["conflicts_left_out"]} files with \
conflicting labels were left out."""


def _refitted_text(card: Card) -> str:
    refitted = card.get("refitted")
    if refitted is None:
        return ""
    uploads = ", ".join(f"{c['uploads']} of {c['name']}" for c in card["data"]["classes"])
    return (
        f"The network is that of {refitted['parent']}; its head was fitted anew, on what that "
        f"bundle remembers and on uploads: {uploads}.\n\n"
    )


def _decision_text(card: Card) -> str:
    decision = card["decision"]
    bias = ", ".join(f"{b:+.3f}" for b in decision["bias"])
    return f"""\
## How it decides

Calibrated logits = logits / {decision["temperature"]:.3f} + ({bias}); every class counts alike, \
so the probabilities assume no hospital's prior. `{decision["reference_class"]}` is left where \
1 − p reaches {decision["threshold"]:.3f}: the highest threshold that keeps the recipe's \
sensitivity on validation, all looks pooled."""


def _test_text(test: Mapping[str, Any] | None) -> str:
    if test is None:
        return "## Scored on a test folder\n\nNot measured when this card was written."
    return f"""\
## Scored on {test["examples"]} test images of {test["patients"]} patients

{test["note"]} Intervals: 95 %, bootstrap over patients.

{figure_table(test["figures"], test["intervals"])}"""


def figure_table(figures: Mapping[str, float], intervals: Mapping[str, Sequence[float]]) -> str:
    """Give figures with their intervals, where there are any, as a Markdown table."""
    lines = ["| figure | value | interval |", "|---|---|---|"]
    for name, value in figures.items():
        span = "–".join(f"{end:.3f}" for end in intervals.get(name, ()))
        lines.append(f"| {name} | {value:.4f} | {span} |")
    return "\n".join(lines)
