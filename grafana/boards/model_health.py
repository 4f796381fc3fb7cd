"""Whether the served model still sees what it was trained on. The index is Siddiqi 2006's PSI."""

from grafana import metrics as m
from grafana.queries import largest, or_zero, quantile, rate
from grafana.questions import (
    Board,
    Look,
    Question,
    Section,
    Series,
    Unit,
    above,
    below,
)

_DRIFT = above(warn=0.1, bad=0.25)
_FAILED = or_zero(rate(m.PREDICTIONS, where='outcome="failed"'))


def _shares(metric: str, *labels: str) -> str:
    return f"{rate(metric, *labels)} / on (version) group_left () {rate(metric, 'version')}"


_ANSWERS = (
    Question(
        title="Which classes does each version report?",
        why="Shares of the answers. A sudden change with no change of patients is a fault of "
        "images or model.",
        series=[Series(_shares(m.PREDICTED_LABELS, "version", "label"), "{{label}} · {{version}}")],
        unit=Unit.SHARE,
        thresholds=above(warn=0.8, bad=0.95),
        runbook="roll-a-model-back",
        look=Look.STACK,
    ),
    Question(
        title="How sure is each version?",
        why="Median and lowest tenth of the confidence of answers.",
        series=[
            Series(quantile(share, m.CONFIDENCE, "version"), f"p{share * 100:g} · {{{{version}}}}")
            for share in (0.5, 0.1)
        ],
        unit=Unit.SHARE,
        thresholds=below(warn=0.7, bad=0.5),
        runbook="roll-a-model-back",
    ),
)

_INPUTS = (
    Question(
        title="How many images are no radiographs of the kind it knows?",
        why="Share of answers that say in_domain: false.",
        series=[
            Series(
                f"{rate(m.OUT_OF_DOMAIN, 'version')} / {rate(m.PREDICTED_LABELS, 'version')}",
                "{{version}}",
            )
        ],
        unit=Unit.SHARE,
        thresholds=above(warn=0.05, bad=0.2),
        runbook="roll-a-model-back",
    ),
    Question(
        title="How far are today's images from those it was trained on?",
        why="Population stability index of brightness and edge density against the bundle's "
        "reference, of the worker that is farthest from it: under .1 is alike, over .25 is another "
        "population. No line before a worker has seen 200 images of a version.",
        series=[Series(largest(m.DRIFT_INDEX, "feature", "version"), "{{feature}} · {{version}}")],
        unit=Unit.NUMBER,
        thresholds=_DRIFT,
        runbook="inputs-drift",
    ),
    Question(
        title="What share of requests cannot be answered from their image?",
        why="Failed among all outcomes: mostly undecodable or oversized images.",
        series=[
            Series(
                f"({_FAILED}) / {rate(m.PREDICTIONS)}",
                "failed",
            )
        ],
        unit=Unit.SHARE,
        thresholds=above(warn=0.01, bad=0.1),
        runbook="roll-a-model-back",
    ),
)

MODEL_HEALTH = Board(
    "model-health",
    "5 · Model health & drift",
    "Does the model still see what it was trained on, and say what it used to say?",
    (
        Section("What does it answer?", (_ANSWERS,)),
        Section("What does it see?", (_INPUTS,)),
    ),
)
