"""An evaluation in words: what a bundle scored on a folder, with intervals."""

from collections.abc import Mapping
from typing import Any

from trainer.core.card import figure_table

Report = Mapping[str, Any]

FURTHER_WARNING = """\
**A further class comes from another source than the rest.** What tells it apart may be the source \
(machine, exposure, the patients' age) and not the disease; figures over all pictures cannot \
separate the two. The full report tells what remains with the lungs blacked out."""
"""Belongs beside every figure that mixes sources."""


def report_text(report: Report) -> str:
    """Give evaluation.md of what evaluation.json holds."""
    classes = report["classes"]
    head = " | ".join(("truth \\ most probable", *classes))
    rows = "\n".join(
        f"| {name} | {' | '.join(map(str, row))} |"
        for name, row in zip(classes, report["confusion"], strict=True)
    )
    return f"""\
# Evaluation of {report["name"]} {report["version"]}

{report["examples"]} pictures of {report["patients"]} patients, through the served int8 engine, at \
the threshold that the bundle carries ({report["threshold"]:.3f}, chosen on validation). \
Folder sha256 `{report["data_sha256"][:16]}…`. {report["note"]}

Accuracy, sensitivity, specificity: finding against `{report["reference_class"]}` at the \
threshold. Class figures, precision, recall, F1 and `ece`: by the most probable class. \
`out_of_domain`: radiographs of this folder that the domain guard refuses, wrongly. Intervals: \
95 %, bootstrap over patients.

{figure_table(report["figures"], report["intervals"])}
{_sources_text(report)}
## Confusion

| {head} |
|{"---|" * (len(classes) + 1)}
{rows}
"""


def _sources_text(report: Report) -> str:
    if not report["sources"]:
        return ""
    tables = "\n\n".join(
        f"### {part['name']}: {part['examples']} pictures of {part['patients']} patients\n\n"
        f"{figure_table(part['figures'], part['intervals'])}"
        for part in report["sources"]
    )
    return f"""
## By source

{FURTHER_WARNING}

{tables}
"""
