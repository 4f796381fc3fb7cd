"""The full report in words and tables; the figures come from nowhere but the value."""

from collections.abc import Sequence

from trainer.core.evaluation_further_text import blackout_text, sources_warning
from trainer.core.evaluation_looks import MEASURES
from trainer.core.evaluation_report import Basis, FullReport, Group, Ranking, Robustness
from trainer.core.tables import table

_PLOTS = (
    ("confusion", "Confusion matrices: finding or none at the threshold, and the classes"),
    ("curves", "ROC and precision-recall curves"),
    ("reliability", "Reliability; hollow: fewer than ten pictures"),
    ("robustness", "Balanced error by corruption and severity"),
)
PLOTS = tuple(name for name, _ in _PLOTS)
"""Plots that belong to a report, by file name without suffix."""


def full_report_text(report: FullReport) -> str:
    """Give report.md; plots are linked as plots/NAME.svg."""
    parts = (
        _head(report.basis),
        _scores(report.basis),
        _plot("confusion"),
        _confusion(report.basis),
        _plot("curves"),
        _thresholds(report.ranking),
        _plot("reliability"),
        _robustness(report.robustness),
        _strangers(report),
        _shift(report),
        _groups(report),
        blackout_text(report),
        _class_maps(report),
        _parent(report),
        _mistakes(report),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _plot(name: str) -> str:
    return f"![{dict(_PLOTS)[name]}](plots/{name}.svg)"


def _head(basis: Basis) -> str:
    return f"""\
# Report on {basis.name} {basis.version}

{basis.examples} pictures of {basis.patients} patients (folder sha256 \
`{basis.data_sha256[:16]}…`), through the served int8 engine, at the bundle's own threshold \
{basis.threshold:.3f}, which was chosen on validation. Nothing was chosen on this folder; \
corruptions, groups and thresholds below only describe it. {basis.note}

Research software, no medical device. Intervals: 95 %, bootstrap over patients. The same figures, \
and the points of the curves, are in [report.json](report.json)."""


def _span(basis: Basis | Group, name: str) -> str:
    ends = basis.intervals.get(name)
    return f" [{ends[0]:.3f}–{ends[1]:.3f}]" if ends else ""


def _cell(basis: Basis | Group, name: str) -> str:
    return f"{basis.figures[name]:.3f}{_span(basis, name)}" if name in basis.figures else "–"


def _scores(basis: Basis) -> str:
    finding = ("auc", "accuracy", "sensitivity", "specificity", "balanced_accuracy", "binary_ece")
    classes = ("class_accuracy", "class_accuracy_at_rule", "ece", "out_of_domain")
    names = [name for name in (*finding, *classes) if name in basis.figures]
    each = (
        (name, *(_cell(basis, f"{figure}_{name}") for figure in ("precision", "recall", "f1")))
        for name in basis.classes
    )
    return f"""\
## Scores

Accuracy, sensitivity, specificity: finding against `{basis.reference_class}` at the threshold. \
`class_…` and `ece`: by the most probable class (`…_at_rule`: by the threshold first). \
`out_of_domain`: radiographs that the domain guard refuses, wrongly.

{table(("figure", "value"), ((name, _cell(basis, name)) for name in names))}

{table(("class", "precision", "recall", "F1"), each)}"""


def _confusion(basis: Basis) -> str:
    binary = zip((basis.reference_class, "finding"), basis.binary_confusion, strict=True)
    classes = zip(basis.classes, basis.confusion, strict=True)
    head = ("truth \\ most probable", *basis.classes)
    binary_head = ("truth \\ at the threshold", basis.reference_class, "finding")
    return f"""\
{table(binary_head, ((name, *row) for name, row in binary))}

{table(head, ((name, *row) for name, row in classes))}"""


def _thresholds(ranking: Ranking) -> str:
    shares = [f"{100 * prevalence:.0f} %" for prevalence in ranking.prevalences]
    head = ("threshold", "sensitivity", "specificity", *(f"PPV · NPV at {s}" for s in shares))
    rows = []
    for point in ranking.points:
        mark = "**" if point.chosen else ""
        values = (point.predictive_values(prevalence) for prevalence in ranking.prevalences)
        rows.append(
            (
                f"{mark}{point.threshold:.3f}{mark}",
                f"{point.sensitivity:.3f}",
                f"{point.specificity:.3f}",
                *(f"{ppv:.2f} · {npv:.2f}" for ppv, npv in values),
            )
        )
    areas = "; ".join(f"{c.name} {c.area:.3f}" for c in ranking.roc)
    precisions = "; ".join(f"{c.name} {c.area:.3f}" for c in ranking.precision_recall)
    return f"""\
Area under the ROC: {areas}. Average precision: {precisions}.

## Thresholds

Threshold on 1 − p(reference class); bold: the bundle's. PPV and NPV by Bayes' rule, for three \
prevalences of a finding that are assumed, not measured; probabilities themselves assume that \
every class is equally common.

{table(head, rows)}"""


def _robustness(found: Sequence[Robustness]) -> str:
    families = list(dict.fromkeys(one.family for one in found))
    severities = sorted({one.severity for one in found})
    error = {(one.family, one.severity): one for one in found}
    rows = [
        (
            family,
            *(f"{error[family, severity].balanced_error:.3f}" for severity in severities),
            *(f"{error[family, severity].class_error:.3f}" for severity in severities),
        )
        for family in families
    ]
    balanced = sum(one.balanced_error for one in found) / len(found)
    by_class = sum(one.class_error for one in found) / len(found)
    worst = max(found, key=lambda one: one.balanced_error)
    head = ("family", *(f"finding, {s}" for s in severities), *(f"class, {s}" for s in severities))
    return f"""\
## Robustness

Errors under ten families of corruption at severity 1–3: balanced error of finding or none at the \
threshold, and error of the most probable class. Mean {balanced:.3f} and {by_class:.3f}; worst \
{worst.family}, severity {worst.severity}: {worst.balanced_error:.3f}. *impulse* and *markers* \
have relatives in the training's augmentation, the others none.

{_plot("robustness")}

{table(head, rows)}"""


def _strangers(report: FullReport) -> str:
    if not report.strangers:
        return ""
    rows = [(s.kind, s.pictures, f"{s.auroc:.4f}", f"{s.flagged:.3f}") for s in report.strangers]
    refused = report.basis.figures["out_of_domain"]
    return f"""\
## Out of domain

The guard's strangeness (the larger of its two looks) of pictures that are no upright chest \
radiograph, against this folder's, of which it refuses {100 * refused:.1f} %. Photographs, pages, \
microscopy and slices come from scikit-learn, scikit-image and pydicom; other kinds from a folder \
that the evaluator named. Inverted and turned radiographs are kinds that the guard was fitted on; \
photographs and slices were looked at while its form was chosen.

{table(("kind", "pictures", "AUROC", "flagged"), rows)}"""


def _shift(report: FullReport) -> str:
    if not report.shifts:
        return ""
    rows = [(s.name, s.here, s.there, f"{s.auc:.3f}") for s in report.shifts]
    return f"""\
## How far this folder lies from the training folder

A logistic regression on the guard's features tells the two folders apart within each class, \
cross-validated by patient: .5 is alike, 1 is told apart always. The last line, two halves of the \
training folder, is the yardstick.

{table(("class", "training", "here", "AUC"), rows)}"""


def _groups(report: FullReport) -> str:
    figures = ("accuracy", "sensitivity", "specificity", "class_accuracy")
    head = ("group", "pictures (" + " · ".join(report.basis.classes) + ")", *figures)

    def rows_of(kind: str) -> str:
        return table(
            head,
            (
                (one.name, " · ".join(map(str, one.counts)), *(_cell(one, f) for f in figures))
                for one in report.groups
                if one.kind == kind
            ),
        )

    looks = table(
        ("look", *MEASURES),
        ((n + 1, *(f"{value:.2f}" for value in c.look)) for n, c in enumerate(report.clusters)),
    )
    warning = sources_warning(report)
    sources = f"{warning}\n\n{rows_of('source')}\n\n" if warning else ""
    return f"""\
## Groups

{sources}By series, as files are named, the only trace of a source that they bear. A group of one \
class has no specificity or no sensitivity.

{rows_of("series")}

By look: four groups of this folder by k-means on five measures of the grey values.

{rows_of("look")}

{looks}"""


def _class_maps(report: FullReport) -> str:
    hidden = [
        (
            name,
            m.images,
            f"{m.hottest:.2f}",
            f"{m.elsewhere:.2f}",
            f"{m.scattered:.2f}",
            f"{m.hottest_beats_elsewhere:.2f}",
            f"{m.hottest_beats_scattered:.2f}",
        )
        for name, m in report.maskings.items()
    ]
    head = (
        "answer", "pictures", "hottest", "elsewhere", "scattered",
        "hottest > elsewhere", "hottest > scattered",
    )  # fmt: skip
    random = [(r.what, f"{r.median:.3f}", f"{r.high:.3f}") for r in report.randomised]
    return f"""\
## Class maps

Mean fall of the answer's logit when a quarter of the picture is hidden under the mean grey: the \
quarter that the map calls hottest, the same shape moved by chance, and as many cells by chance; \
then the share of pictures in which the hottest quarter costs more.

{table(head, hidden)}

Correlation of the served maps with those of the float parent, as it is and with shuffled weights: \
a map that stayed the same without the weights would explain nothing.

{table(("weights", "median", "90th percentile"), random)}"""


def _parent(report: FullReport) -> str:
    names = ("auc", "accuracy", "sensitivity", "specificity", "class_accuracy", "ece")
    rows = [
        (
            name,
            f"{report.basis.figures[name]:.4f}",
            f"{report.parent[name]:.4f}",
            f"{100 * (report.basis.figures[name] - report.parent[name]):+.2f}",
        )
        for name in names
    ]
    return f"""\
## int8 against its float parent

Both under the calibration and threshold that were fitted to the int8 engine. They name the same \
class for {100 * report.agreement:.1f} % of the pictures.

{table(("figure", "int8", "float", "points"), rows)}"""


def _mistakes(report: FullReport) -> str:
    rows = [
        (m.index, m.truth, m.said, f"{m.probability:.3f}", "yes" if m.in_domain else "no")
        for m in report.mistakes
    ]
    return f"""\
## Mistakes

The {len(rows)} wrong answers at the threshold. Index: place in the sorted list of the folder's \
picture files, from 0; probability: of what was said.

<details><summary>All of them</summary>

{table(("index", "truth", "said", "probability", "in domain"), rows)}

</details>"""
