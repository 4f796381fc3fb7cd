"""The root of comparing several bundles on one folder."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from trainer.core.dataset import TooFewError
from trainer.core.figures import ThresholdRule
from trainer.core.seeds import Row, Run, summarise, summary_text
from trainer.main.folder import Evaluated


def write_summary(evaluated: Sequence[Evaluated], docs: Path, note: str) -> tuple[Row, ...]:
    """Write seeds.md and seeds.json: every figure's median over the bundles.

    Raises TooFewError where they were judged on different pictures or know different classes.
    """
    first = evaluated[0]
    if len({(one.dataset.sha256, one.manifest.classes) for one in evaluated}) > 1:
        raise TooFewError("bundles are compared on the same pictures and classes")
    dataset, runs = first.dataset, [_run(one) for one in evaluated]
    patients = [example.patient for example in dataset.examples]
    rows = summarise(runs, dataset.labels, patients, first.manifest.classes)
    examples, persons = first.evaluation.examples, first.evaluation.patients
    text = summary_text(runs, rows, examples=examples, patients=persons, note=note)
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "seeds.md").write_text(text)
    value = {
        "bundles": [{"name": run.name, "seed": run.seed} for run in runs],
        "data_sha256": dataset.sha256,
        "note": note,
        "figures": [asdict(row) for row in rows],
    }
    (docs / "seeds.json").write_text(json.dumps(value, indent=1) + "\n")
    return rows


def _run(one: Evaluated) -> Run:
    manifest, decision = one.manifest, one.manifest.decision
    rule = ThresholdRule(manifest.classes.index(decision.reference_class), decision.threshold)
    name = f"{manifest.name} {manifest.version}"
    evaluation = one.evaluation
    return Run(name, manifest.lineage.seed, rule, evaluation.probabilities, evaluation.figures)
