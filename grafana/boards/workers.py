"""Which model each worker serves, how it came to it, what it costs."""

from grafana import metrics as m
from grafana.queries import SERVICES, increase, largest, mean, or_zero, quantile, rate, total
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

_READY = (
    Question(
        title="How many workers serve a model?",
        why="Ready to take requests. 24, the number of partitions, is the most that share them.",
        series=[Series(or_zero(f"count({m.MODEL_LOADED} == 1)"), "workers")],
        unit=Unit.NUMBER,
        thresholds=below(warn=2, bad=1),
        runbook="no-ready-worker",
        look=Look.FIGURE,
    ),
    Question(
        title="How many versions are served at once?",
        why="One, but for the seconds of a swap.",
        series=[Series(f"count(count by (version) ({m.MODEL_LOADED} == 1))", "versions")],
        unit=Unit.NUMBER,
        thresholds=above(warn=2, bad=3),
        runbook="workers-disagree",
        look=Look.FIGURE,
    ),
    Question(
        title="How many workers serve another version than the registry's?",
        why="None, but for the seconds of a swap; a worker that refused the current model stays.",
        series=[
            Series(
                or_zero(f"count({m.MODEL_LOADED} == 1 unless on (version) {m.CURRENT_MODEL} == 1)"),
                "workers",
            )
        ],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(),
        runbook="workers-disagree",
        look=Look.FIGURE,
    ),
    Question(
        title="How many models were refused today?",
        why="A worker that refuses keeps the model before: checksums or goldens did not agree.",
        series=[
            Series(or_zero(increase(m.SWAPS, where='result="refused"', window="1d")), "refusals")
        ],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(from_=0.5),
        runbook="swap-refused",
        look=Look.FIGURE,
    ),
)

_MODELS = (
    Question(
        title="Which version does each worker serve?",
        why="A line begins when a worker has taken a version up and ends when it has another. "
        "current: what the registry says.",
        series=[
            Series(f"max by (instance, version) ({m.MODEL_LOADED})", "{{instance}} · {{version}}"),
            Series(largest(m.CURRENT_MODEL, "version"), "current · {{version}}"),
        ],
        unit=Unit.YES_OR_NO,
        thresholds=at_least(1),
        runbook="workers-disagree",
        look=Look.STATES,
    ),
    Question(
        title="Which workers answer a scrape?",
        why="Those that Prometheus reaches, whether or not they have a model.",
        series=[Series(f'min by (instance) ({m.UP}{{job="inference-worker"}})', "{{instance}}")],
        unit=Unit.YES_OR_NO,
        thresholds=at_least(1),
        runbook="service-down",
        look=Look.STATES,
    ),
)

_SWAPS = (
    Question(
        title="When were models swapped, or refused?",
        why="Models taken up or refused in ten minutes, a worker each.",
        series=[Series(increase(m.SWAPS, "result", window="10m"), "{{result}}")],
        unit=Unit.NUMBER,
        thresholds=above(warn=8, bad=24),
        runbook="swap-refused",
    ),
    Question(
        title="How long does a swap take?",
        why="From the event to the first batch with the new model, which waits for neither.",
        series=[Series(quantile(0.95, m.SWAP_SECONDS, "instance"), "{{instance}} p95")],
        unit=Unit.SECONDS,
        thresholds=above(warn=10, bad=30),
        runbook="swap-refused",
    ),
)

_COST = (
    Question(
        title="How fast is each worker?",
        why="Requests answered a second.",
        series=[Series(rate(f"{m.BATCH_SIZE}_sum", "instance"), "{{instance}}")],
        unit=Unit.REQUESTS_PER_SECOND,
        thresholds=above(warn=150, bad=200),
        runbook="scale-workers",
    ),
    Question(
        title="How long does the model take for one request?",
        why="Mean of infer, by worker: one that is slower than the others has a busy neighbour.",
        series=[Series(mean(m.STAGE_SECONDS, "instance", where='stage="infer"'), "{{instance}}")],
        unit=Unit.SECONDS,
        thresholds=above(warn=0.05, bad=0.25),
        runbook="latency-budget-burning",
    ),
    Question(
        title="Does a process grow?",
        why="Resident memory. Level is healthy; a slope over hours is a leak.",
        series=[Series(total(m.MEMORY, "instance", where=SERVICES), "{{instance}}")],
        unit=Unit.BYTES,
        thresholds=above(warn=1.5 * 2**30, bad=2 * 2**30),
        runbook="service-down",
    ),
    Question(
        title="Which process uses the cores?",
        why="Cores in use; all together cannot be more than the machine has.",
        series=[Series(rate(m.CPU_SECONDS, "instance", where=SERVICES), "{{instance}}")],
        unit=Unit.NUMBER,
        thresholds=above(warn=1, bad=2),
        runbook="scale-workers",
        look=Look.STACK,
    ),
)

WORKERS = Board(
    "workers-and-models",
    "3 · Workers & models",
    "Which model does each worker serve, how did it come to it, and what does it cost?",
    (
        Section("Are they ready?", (_READY,)),
        Section("What do they serve?", (_MODELS, _SWAPS)),
        Section("What do they cost?", (_COST,)),
    ),
)
