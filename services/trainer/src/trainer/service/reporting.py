"""Stage: an evaluation becomes documents, and part of the bundle's card."""

import json
from pathlib import Path
from typing import Any

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from trainer.core.card import card_text, with_test
from trainer.core.dataset import Dataset
from trainer.core.report import report_text
from trainer.service.bundling import CARD_FILE, CARD_TEXT_FILE, write_manifest
from trainer.service.evaluation import EvaluationResult, SourcePart

_DIGITS = 5


def report_of(
    manifest: Manifest, dataset: Dataset, evaluation: EvaluationResult, note: str
) -> dict[str, Any]:
    """Give what evaluation.json holds. note: one sentence on how often the folder was met."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "classes": list(manifest.classes),
        "reference_class": manifest.decision.reference_class,
        "threshold": manifest.decision.threshold,
        "data_sha256": dataset.sha256,
        "examples": evaluation.examples,
        "patients": evaluation.patients,
        "note": note,
        **_scored(evaluation),
        "confusion": [list(row) for row in evaluation.confusion],
        "sources": [
            {"name": part.name, "examples": part.examples, "patients": part.patients}
            | _scored(part)
            for part in evaluation.sources
        ],
    }


def _scored(part: EvaluationResult | SourcePart) -> dict[str, Any]:
    return {
        "figures": {name: round(one, _DIGITS) for name, one in part.figures.items()},
        "intervals": {
            name: [round(end, _DIGITS) for end in ends] for name, ends in part.intervals.items()
        },
    }


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write evaluation.json and evaluation.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "evaluation.md").write_text(report_text(report))


def record_in_card(bundle: Path, report: dict[str, Any]) -> Manifest:
    """Put the report on the bundle's card and hash its files anew. Raises BundleError."""
    manifest = verify_bundle(bundle)
    card = with_test(json.loads((bundle / CARD_FILE).read_text()), report)
    (bundle / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n")
    (bundle / CARD_TEXT_FILE).write_text(card_text(card))
    return write_manifest(bundle, manifest)
