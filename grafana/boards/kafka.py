"""Kafka as its clients see it: what waits, what flows, what cannot be reached."""

from grafana import metrics as m
from grafana.queries import increase, largest, or_zero, rate
from grafana.questions import (
    Board,
    Look,
    Question,
    Section,
    Series,
    Unit,
    above,
    any_is_bad,
    below,
)

_REACH = (
    Question(
        title="Is a prediction refused because Kafka is away?",
        why="Requests that gateways refused in two minutes, since the broker did not answer.",
        series=[
            Series(or_zero(increase(m.REJECTED, where='reason="broker"', window="2m")), "refused")
        ],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(from_=0.5),
        runbook="broker-unreachable",
        look=Look.FIGURE,
    ),
    Question(
        title="How often could the registry not publish?",
        why="Attempts of ten minutes that failed and are made again.",
        series=[Series(or_zero(increase(m.PUBLISH_FAILURES, window="10m")), "failures")],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(from_=0.5),
        runbook="events-unsent",
        look=Look.FIGURE,
    ),
    Question(
        title="How many events has the registry not published?",
        why="They are in its outbox, in order, until Kafka takes them.",
        series=[Series(largest(m.OUTBOX_UNSENT), "unsent")],
        unit=Unit.NUMBER,
        thresholds=above(warn=1, bad=100),
        runbook="events-unsent",
        look=Look.FIGURE,
    ),
)

_LAG = (
    Question(
        title="How far behind is each group?",
        why="Records of a topic that its group has not committed. It breathes with the load; a "
        "rise that does not end is a consumer that is too slow, or stuck.",
        series=[Series(largest(m.CONSUMER_LAG, "topic", "group"), "{{topic}} · {{group}}")],
        unit=Unit.NUMBER,
        thresholds=above(warn=256, bad=1024),
        runbook="stuck-consumer",
    ),
    Question(
        title="Does a lag grow?",
        why="Records a second over five minutes; above nothing for long, workers are too few.",
        series=[
            Series(f"max by (topic, group) (deriv({m.CONSUMER_LAG}[5m]))", "{{topic}} · {{group}}")
        ],
        unit=Unit.PER_SECOND,
        thresholds=above(warn=1, bad=10),
        runbook="wait-beyond-deadline",
    ),
)

_FLOW = (
    Question(
        title="How many outcomes flow through predict.results?",
        why="What the workers publish, every one of them confirmed.",
        series=[Series(rate(m.PREDICTIONS), "outcomes")],
        unit=Unit.PER_SECOND,
        thresholds=above(warn=250, bad=330),
        runbook="scale-workers",
    ),
    Question(
        title="What goes to predict.retry and predict.dlq?",
        why="Requests to be tried again, and those given up.",
        series=[
            Series(rate(m.RETRIES), "predict.retry"),
            Series(rate(m.DEAD_LETTERS), "predict.dlq"),
        ],
        unit=Unit.PER_SECOND,
        thresholds=above(warn=0.01, bad=1),
        runbook="redrive-dead-letters",
    ),
    Question(
        title="How full are the disks?",
        why="Share that is free: of the registry's data folder, and of every disk that a node "
        "exporter tells of, where there is one.",
        series=[
            Series(
                f"min by (instance) ({m.DATA_DISK_FREE} / {m.DATA_DISK_SIZE})",
                "{{instance}} data folder",
            ),
            Series(
                f"min by (instance, mountpoint) ({m.DISK_FREE} / {m.DISK_SIZE})",
                "{{instance}} {{mountpoint}}",
            ),
        ],
        unit=Unit.SHARE,
        thresholds=below(warn=0.2, bad=0.1),
        runbook="disk-filling-up",
    ),
)

KAFKA = Board(
    "kafka",
    "6 · Kafka",
    "What waits on Kafka, what flows through it, who cannot reach it?",
    (
        Section("Can it be reached?", (_REACH,)),
        Section("Who is behind?", (_LAG,)),
        Section("What flows?", (_FLOW,)),
    ),
)
