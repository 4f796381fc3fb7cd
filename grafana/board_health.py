"""Dashboards 1 and 5: health of the system, and of the model and its inputs."""

from grafana.panels import (
    PanelUnit,
    above,
    any_is_bad,
    at_least,
    below,
    new_dashboard,
    stacked,
    stat,
    timeseries,
)
from grafana.promql import PREDICTING, SERVICES, largest, or_zero, quantile, rate, total

_MONTHLY_ERRORS = 0.001
_MONTHLY_SLOW = 0.01

_HEALTH = (
    stat(
        "Does a gateway answer?",
        "Gateways that Prometheus reaches. With none, no request is answered.",
        {"gateways": or_zero('count(up{job="gateway"} == 1)')},
        at_least("gateway-down", 1),
    ),
    stat(
        "How many workers serve a model?",
        "Workers that have loaded a model. With one, its death is a pause; with none, "
        "every prediction waits and then expires.",
        {"workers": or_zero("count(pneumo_model_loaded == 1)")},
        below("no-ready-worker", warn=2, bad=1),
    ),
    stat(
        "How many parts are down?",
        "Gateways, workers, registry and trainer that did not answer the last scrape.",
        {"down": or_zero(f"count(up{{{SERVICES}}} == 0)")},
        any_is_bad("service-down"),
    ),
    stat(
        "How long would a new request wait?",
        "What waits, divided by the rate of outcomes. Beyond a client's deadline (10 s by "
        "default) it is refused with 503 and a Retry-After.",
        {"wait": largest("pneumo_estimated_wait_seconds")},
        above("wait-beyond-deadline", warn=5, bad=10, unit=PanelUnit.SECONDS),
    ),
    stat(
        "Does what is taught reach the workers?",
        "Yes while every upload is in the dataset and all workers serve one version.",
        {"fresh": "pneumo:freshness:ok"},
        at_least("workers-disagree", 1, unit=PanelUnit.YES_OR_NO),
    ),
    stat(
        "How many alerts fire?",
        "Alerts of deploy/prometheus/rules that fire now; each has its own runbook.",
        {"firing": or_zero('count(ALERTS{alertstate="firing"})')},
        any_is_bad("service-down"),
    ),
)

_PROMISES = (
    timeseries(
        "What share of predictions is answered without a server error?",
        "The objective is 99.9 % in a month. Windows without a request have no value.",
        {
            f"last {window}": f"1 - pneumo:prediction_errors:ratio_rate{window}"
            for window in ("5m", "1h", "6h")
        },
        below(
            "availability-budget-burning",
            warn=1 - _MONTHLY_ERRORS,
            bad=1 - 14.4 * _MONTHLY_ERRORS,
            unit=PanelUnit.SHARE,
        ),
    ),
    timeseries(
        "How fast does the budget for errors burn?",
        "1 uses up exactly a month's budget in a month; 14.4 for an hour and 6 for six "
        "hours page the operator on call.",
        {
            f"last {window}": f"pneumo:prediction_errors:ratio_rate{window} / {_MONTHLY_ERRORS}"
            for window in ("5m", "1h", "6h")
        },
        above("availability-budget-burning", warn=6, bad=14.4, unit=PanelUnit.FACTOR),
    ),
    timeseries(
        "How fast does the budget for slow answers burn?",
        "Slow is more than half a second; one in a hundred may be. 1 uses up a month's "
        "budget in a month.",
        {
            f"last {window}": f"pneumo:prediction_slow:ratio_rate{window} / {_MONTHLY_SLOW}"
            for window in ("5m", "1h", "6h")
        },
        above("latency-budget-burning", warn=6, bad=14.4, unit=PanelUnit.FACTOR),
    ),
)

_TRAFFIC = (
    (
        timeseries(
            "How long does a prediction take?",
            "From the request's first byte to the end of its answer, at the gateway.",
            {
                f"p{share * 100:g}": quantile(
                    share, "pneumo_http_request_seconds", where=PREDICTING
                )
                for share in (0.5, 0.95, 0.99)
            },
            above("latency-budget-burning", warn=0.25, bad=0.5, unit=PanelUnit.SECONDS),
        ),
        stacked(
            "What is asked, and how often?",
            "Requests answered, by route. Two workers on two cores take about 330 full "
            "predictions a second.",
            {"{{method}} {{route}}": rate("pneumo_http_requests_total", "method", "route")},
            above("scale-workers", warn=250, bad=330, unit=PanelUnit.REQUESTS_PER_SECOND),
        ),
    ),
    (
        stacked(
            "How do requests end?",
            "Answers by status: 4xx is the client's doing, 5xx is ours.",
            {"{{status}}": rate("pneumo_http_requests_total", "status")},
            above(
                "availability-budget-burning", warn=250, bad=330, unit=PanelUnit.REQUESTS_PER_SECOND
            ),
        ),
        timeseries(
            "Which predictions are refused at the door, and why?",
            "broker: Kafka cannot be reached. in_flight, bytes: this gateway holds as much as "
            "it may. wait: no worker would get to it before its deadline.",
            {"{{reason}}": rate("pneumo_rejected_total", "reason")},
            above("wait-beyond-deadline", warn=0.01, bad=1, unit=PanelUnit.REQUESTS_PER_SECOND),
        ),
        timeseries(
            "How many requests are on their way?",
            "Accepted by a gateway and without an outcome.",
            {"{{instance}}": total("pneumo_in_flight", "instance")},
            above("wait-beyond-deadline", warn=256, bad=512),
        ),
    ),
)

OVERVIEW = new_dashboard(
    "overview",
    "1 · Overview",
    "Is it healthy, does it keep its promises, what is asked of it?",
    {
        "Is it healthy?": (_HEALTH,),
        "Does it keep its promises?": (_PROMISES,),
        "What is asked of it?": _TRAFFIC,
    },
)


_FAILED = or_zero(rate("pneumo_predictions_total", where='outcome="failed"'))


def _shares(metric: str, *labels: str) -> str:
    return f"{rate(metric, *labels)} / on (version) group_left () {rate(metric, 'version')}"


_ANSWERS = (
    stacked(
        "Which classes does each version report?",
        "Shares of the answers. A sudden change with no change of patients is a fault of "
        "images or model.",
        {"{{label}} · {{version}}": _shares("pneumo_predicted_labels_total", "version", "label")},
        above("roll-a-model-back", warn=0.8, bad=0.95, unit=PanelUnit.SHARE),
    ),
    timeseries(
        "How sure is each version?",
        "Median and lowest tenth of the confidence of answers.",
        {
            f"p{share * 100:g} · {{{{version}}}}": quantile(share, "pneumo_confidence", "version")
            for share in (0.5, 0.1)
        },
        below("roll-a-model-back", warn=0.7, bad=0.5, unit=PanelUnit.SHARE),
    ),
)

_INPUTS = (
    timeseries(
        "How many images are no radiographs of the kind it knows?",
        "Share of answers that say in_domain: false.",
        {
            "{{version}}": f"{rate('pneumo_out_of_domain_total', 'version')} / "
            f"{rate('pneumo_predicted_labels_total', 'version')}"
        },
        above("roll-a-model-back", warn=0.05, bad=0.2, unit=PanelUnit.SHARE),
    ),
    timeseries(
        "How far are today's images from those it was trained on?",
        "Population stability index of brightness and edge density against the bundle's "
        "reference, of the worker that is farthest from it: under .1 is alike, over .25 is another "
        "population. No line before a worker has seen 200 images of a version.",
        {"{{feature}} · {{version}}": largest("pneumo_drift_index", "feature", "version")},
        above("inputs-drift", warn=0.1, bad=0.25),
    ),
    timeseries(
        "What share of requests cannot be answered from their image?",
        "Failed among all outcomes: mostly undecodable or oversized images.",
        {"failed": f"({_FAILED}) / {rate('pneumo_predictions_total')}"},
        above("roll-a-model-back", warn=0.01, bad=0.1, unit=PanelUnit.SHARE),
    ),
)

MODEL_HEALTH = new_dashboard(
    "model-health",
    "5 · Model health & drift",
    "Does the model still see what it was trained on, and say what it used to say?",
    {
        "What does it answer?": (_ANSWERS,),
        "What does it see?": (_INPUTS,),
    },
)
