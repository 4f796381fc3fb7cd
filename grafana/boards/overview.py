"""Is it healthy, does it keep its promises, what is asked of it."""

from grafana import metrics as m
from grafana.queries import PREDICTING, SERVICES, largest, or_zero, quantile, rate, total
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

_MONTHLY_ERRORS = 0.001
_MONTHLY_SLOW = 0.01

_HEALTH = (
    Question(
        title="Does a gateway answer?",
        why="Gateways that Prometheus reaches. With none, nobody can ask for a prediction.",
        series=[Series(or_zero(f'count({m.UP}{{job="gateway"}} == 1)'), "gateways")],
        unit=Unit.NUMBER,
        thresholds=at_least(1),
        runbook="gateway-down",
        look=Look.FIGURE,
    ),
    Question(
        title="How many workers serve a model?",
        why="Workers that have loaded a model. With one, its death is a pause; with none, "
        "every prediction waits and then expires.",
        series=[Series(or_zero(f"count({m.MODEL_LOADED} == 1)"), "workers")],
        unit=Unit.NUMBER,
        thresholds=below(warn=2, bad=1),
        runbook="no-ready-worker",
        look=Look.FIGURE,
    ),
    Question(
        title="How many parts are down?",
        why="Gateways, workers, registry and trainer that did not answer the last scrape.",
        series=[Series(or_zero(f"count({m.UP}{{{SERVICES}}} == 0)"), "down")],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(),
        runbook="service-down",
        look=Look.FIGURE,
    ),
    Question(
        title="How long would a new request wait?",
        why="What waits, divided by the rate of outcomes. Beyond a client's deadline (10 s by "
        "default) it is refused with 503 and a Retry-After.",
        series=[Series(largest(m.ESTIMATED_WAIT), "wait")],
        unit=Unit.SECONDS,
        thresholds=above(warn=5, bad=10),
        runbook="wait-beyond-deadline",
        look=Look.FIGURE,
    ),
    Question(
        title="Does what is taught reach the workers?",
        why="Yes while every upload is in the dataset and all workers serve one version.",
        series=[Series(m.FRESH, "fresh")],
        unit=Unit.YES_OR_NO,
        thresholds=at_least(1),
        runbook="workers-disagree",
        look=Look.FIGURE,
    ),
    Question(
        title="How many alerts fire?",
        why="Alerts of deploy/prometheus/rules that fire now; each has its own runbook.",
        series=[Series(or_zero(f'count({m.ALERTS}{{alertstate="firing"}})'), "firing")],
        unit=Unit.NUMBER,
        thresholds=any_is_bad(),
        runbook="service-down",
        look=Look.FIGURE,
    ),
)

_PROMISES = (
    Question(
        title="What share of predictions is answered without a server error?",
        why="The objective is 99.9 % in a month. Windows without a request have no value.",
        series=[
            Series(f"1 - {m.ERROR_RATIO}{window}", f"last {window}")
            for window in ("5m", "1h", "6h")
        ],
        unit=Unit.SHARE,
        thresholds=below(warn=1 - _MONTHLY_ERRORS, bad=1 - 14.4 * _MONTHLY_ERRORS),
        runbook="availability-budget-burning",
    ),
    Question(
        title="How fast does the budget for errors burn?",
        why="1 uses up exactly a month's budget in a month; 14.4 for an hour and 6 for six "
        "hours call somebody.",
        series=[
            Series(f"{m.ERROR_RATIO}{window} / {_MONTHLY_ERRORS}", f"last {window}")
            for window in ("5m", "1h", "6h")
        ],
        unit=Unit.FACTOR,
        thresholds=above(warn=6, bad=14.4),
        runbook="availability-budget-burning",
    ),
    Question(
        title="How fast does the budget for slow answers burn?",
        why="Slow is more than half a second; one in a hundred may be. 1 uses up a month's "
        "budget in a month.",
        series=[
            Series(f"{m.SLOW_RATIO}{window} / {_MONTHLY_SLOW}", f"last {window}")
            for window in ("5m", "1h", "6h")
        ],
        unit=Unit.FACTOR,
        thresholds=above(warn=6, bad=14.4),
        runbook="latency-budget-burning",
    ),
)

_TRAFFIC = (
    (
        Question(
            title="How long does a prediction take?",
            why="From the request's first byte to the end of its answer, at the gateway.",
            series=[
                Series(quantile(share, m.HTTP_SECONDS, where=PREDICTING), f"p{share * 100:g}")
                for share in (0.5, 0.95, 0.99)
            ],
            unit=Unit.SECONDS,
            thresholds=above(warn=0.25, bad=0.5),
            runbook="latency-budget-burning",
        ),
        Question(
            title="What is asked, and how often?",
            why="Requests answered, by route. Two workers on two cores take about 330 full "
            "predictions a second.",
            series=[Series(rate(m.HTTP_REQUESTS, "method", "route"), "{{method}} {{route}}")],
            unit=Unit.REQUESTS_PER_SECOND,
            thresholds=above(warn=250, bad=330),
            runbook="scale-workers",
            look=Look.STACK,
        ),
    ),
    (
        Question(
            title="How do requests end?",
            why="Answers by status: 4xx is the client's doing, 5xx is ours.",
            series=[Series(rate(m.HTTP_REQUESTS, "status"), "{{status}}")],
            unit=Unit.REQUESTS_PER_SECOND,
            thresholds=above(warn=250, bad=330),
            runbook="availability-budget-burning",
            look=Look.STACK,
        ),
        Question(
            title="Which predictions are refused at the door, and why?",
            why="broker: Kafka cannot be reached. in_flight, bytes: this gateway holds as much as "
            "it may. wait: no worker would get to it before its deadline.",
            series=[Series(rate(m.REJECTED, "reason"), "{{reason}}")],
            unit=Unit.REQUESTS_PER_SECOND,
            thresholds=above(warn=0.01, bad=1),
            runbook="wait-beyond-deadline",
        ),
        Question(
            title="How many requests are on their way?",
            why="Accepted by a gateway and without an outcome.",
            series=[Series(total(m.IN_FLIGHT, "instance"), "{{instance}}")],
            unit=Unit.NUMBER,
            thresholds=above(warn=256, bad=512),
            runbook="wait-beyond-deadline",
        ),
    ),
)

OVERVIEW = Board(
    "overview",
    "1 · Overview",
    "Is it healthy, does it keep its promises, what is asked of it?",
    (
        Section("Is it healthy?", (_HEALTH,)),
        Section("Does it keep its promises?", (_PROMISES,)),
        Section("What is asked of it?", _TRAFFIC),
    ),
)
