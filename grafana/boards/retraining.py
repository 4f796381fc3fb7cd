"""From an upload to a promoted model."""

from grafana import metrics as m
from grafana.queries import increase, largest, or_zero, quantile, rate, total
from grafana.questions import (
    Board,
    Look,
    Question,
    Section,
    Series,
    Unit,
    above,
    any_is_bad,
    at_least,
    below,
)

_DAY_S = 86_400

_UNDER_WAY_BY_STATE = largest(m.JOBS, "state", where='state=~"running|evaluating"')
"""Every registry over a database counts the same jobs."""

_JOBS_NOW = (
    Question(
        title="How many jobs wait?",
        why="Asked for and not yet taken up by a trainer.",
        series=[Series(or_zero(largest(m.JOBS, where='state="queued"')), "queued")],
        unit=Unit.NUMBER,
        thresholds=above(warn=2, bad=5),
        runbook="job-stalled",
        look=Look.FIGURE,
    ),
    Question(
        title="How many jobs are under way?",
        why="Training or being judged by the gate; a trainer does one after the other.",
        series=[Series(or_zero(f"sum({_UNDER_WAY_BY_STATE})"), "under way")],
        unit=Unit.NUMBER,
        thresholds=above(warn=2, bad=3),
        runbook="job-stalled",
        look=Look.FIGURE,
    ),
    Question(
        title="How many jobs failed today?",
        why="Failed is neither rejected by the gate nor cancelled: something broke.",
        series=[
            Series(or_zero(increase(m.TRAINER_JOBS, where='state="failed"', window="1d")), "failed")
        ],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(from_=0.5),
        runbook="job-stalled",
        look=Look.FIGURE,
    ),
    Question(
        title="How long ago was a model promoted?",
        why="The last time that a candidate passed the gate and became current.",
        series=[Series(f"time() - {largest(m.LAST_PROMOTION)}", "last promotion")],
        unit=Unit.SECONDS,
        thresholds=above(warn=30 * _DAY_S, bad=90 * _DAY_S),
        runbook="job-stalled",
        look=Look.FIGURE,
    ),
)

_UNDER_WAY = (
    Question(
        title="How long has the job under way run?",
        why="Since its trainer took it. No value while there is none.",
        series=[Series(f"time() - min({m.JOB_STARTED})", "age")],
        unit=Unit.SECONDS,
        thresholds=above(warn=3600, bad=3 * 3600),
        runbook="job-stalled",
    ),
    Question(
        title="How far is the job under way?",
        why="As its trainer reckons it; a line that is level for long is one that hangs.",
        series=[Series(total(m.JOB_PROGRESS, "instance"), "{{instance}}")],
        unit=Unit.SHARE,
        thresholds=at_least(0),
        runbook="job-stalled",
    ),
)

_JOBS = (
    Question(
        title="How did jobs end?",
        why="All jobs by state. rejected: the gate found the candidate no better; the current "
        "model stays.",
        series=[Series(largest(m.JOBS, "state"), "{{state}}")],
        unit=Unit.NUMBER,
        thresholds=above(warn=1000, bad=10000),
        runbook="job-stalled",
    ),
    Question(
        title="How long does each phase of a training take?",
        why="Half of all jobs are faster.",
        series=[Series(quantile(0.5, m.PHASE_SECONDS, "phase"), "{{phase}}")],
        unit=Unit.SECONDS,
        thresholds=above(warn=600, bad=3600),
        runbook="job-stalled",
    ),
    Question(
        title="What did the gate see in the last candidate?",
        why="Its figures beside those of the model that was current; a promoted one is not worse.",
        series=[Series(largest(m.GATE_FIGURE, "figure", "model"), "{{figure}} · {{model}}")],
        unit=Unit.SHARE,
        thresholds=below(warn=0.9, bad=0.75),
        runbook="roll-a-model-back",
    ),
)

_DATASET = (
    Question(
        title="How many images are there of each class?",
        why="The dataset. A class under twenty teaches little.",
        series=[Series(largest(m.DATASET_IMAGES, "label"), "{{label}}")],
        unit=Unit.NUMBER,
        thresholds=below(warn=100, bad=20),
        runbook="uploads-waiting",
    ),
    Question(
        title="How many images await a decision on their label?",
        why="Uploaded under two labels; no training sees them before somebody decides.",
        series=[Series(largest(m.DATASET_CONFLICTS), "conflicts")],
        unit=Unit.NUMBER,
        thresholds=above(warn=1, bad=20),
        runbook="uploads-waiting",
    ),
    Question(
        title="What do uploads do to the dataset?",
        why="By effect: added, known already, in conflict, unreadable.",
        series=[Series(rate(m.UPLOADS, "effect"), "{{effect}}")],
        unit=Unit.PER_SECOND,
        thresholds=above(warn=100, bad=500),
        runbook="uploads-waiting",
        look=Look.STACK,
    ),
)

_WAYS = (
    Question(
        title="Which uploads have not arrived?",
        why="On Kafka and not yet in the dataset.",
        series=[Series(largest(m.UPLOADS_WAITING), "waiting")],
        unit=Unit.NUMBER,
        thresholds=above(warn=1, bad=1000),
        runbook="uploads-waiting",
    ),
    Question(
        title="Does keeping an upload fail?",
        why="Attempts that failed and are made again; nothing is lost, but nothing arrives.",
        series=[Series(rate(m.UPLOAD_FAILURES), "failures")],
        unit=Unit.PER_SECOND,
        thresholds=any_is_bad(),
        runbook="uploads-waiting",
    ),
    Question(
        title="Do the registry's decisions reach Kafka?",
        why="unsent: decided and not yet announced; no worker hears of a model until it is.",
        series=[
            Series(largest(m.OUTBOX_UNSENT), "unsent"),
            Series(increase(m.EVENTS_PUBLISHED, window="10m"), "published in 10 minutes"),
        ],
        unit=Unit.NUMBER,
        thresholds=above(warn=10, bad=100),
        runbook="events-unsent",
    ),
    Question(
        title="Does one registry lead?",
        why="Of several, one announces models, takes uploads in and asks for trainings.",
        series=[Series(total(m.LEADER), "leading")],
        unit=Unit.NUMBER,
        thresholds=at_least(1),
        runbook="not-one-leader",
    ),
)

RETRAINING = Board(
    "retraining",
    "4 · Retraining",
    "Is what was uploaded learned, judged and served?",
    (
        Section("Which jobs are there?", (_JOBS_NOW, _UNDER_WAY, _JOBS)),
        Section("What is there to learn from?", (_DATASET, _WAYS)),
    ),
)
