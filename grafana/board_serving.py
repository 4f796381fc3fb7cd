"""Dashboards 2 and 6: the prediction path, and Kafka as its clients see it."""

from grafana.panels import (
    PanelUnit,
    above,
    any_is_bad,
    below,
    new_dashboard,
    stacked,
    stat,
    timeseries,
)
from grafana.promql import PREDICTING, increase, largest, mean, or_zero, quantile, rate, total

_WORKERS = 'stage=~"queue|decode|infer"'
"""The stages that a worker reports."""

_TIME = (
    stacked(
        "Where does the time of an answer go?",
        "Mean of each stage. admit: until the record is on Kafka; queue: until a worker "
        "begins; reply: what is left.",
        {"{{stage}}": mean("pneumo_stage_seconds", "stage")},
        above("latency-budget-burning", warn=0.25, bad=0.5, unit=PanelUnit.SECONDS),
    ),
    timeseries(
        "How bad does each stage get?",
        "The slowest one in a hundred of each stage. A long queue asks for workers, a long "
        "decode is large images, a long infer is a busy machine.",
        {"{{stage}} p99": quantile(0.99, "pneumo_stage_seconds", "stage")},
        above("latency-budget-burning", warn=0.25, bad=0.5, unit=PanelUnit.SECONDS),
    ),
    timeseries(
        "How much of an answer's time is not a worker's?",
        "The gateway's mean less the mean of the worker's stages: HTTP, Kafka, and waiting for "
        "both.",
        {
            "HTTP and Kafka": f"{mean('pneumo_http_request_seconds', where=PREDICTING)} - "
            f"sum({mean('pneumo_stage_seconds', 'stage', where=_WORKERS)})"
        },
        above("latency-budget-burning", warn=0.05, bad=0.25, unit=PanelUnit.SECONDS),
    ),
)

_BATCHES = (
    timeseries(
        "How many requests are taken together?",
        "1 is an idle system, where each request is answered at once; 16 are the most.",
        {"mean": mean("pneumo_batch_size"), "p95": quantile(0.95, "pneumo_batch_size")},
        above("scale-workers", warn=12, bad=16),
    ),
    stacked(
        "Does every worker do its share?",
        "Requests answered by each worker. One at nothing while the others work is stuck.",
        {"{{instance}}": rate("pneumo_batch_size_sum", "instance")},
        above("stuck-worker", warn=150, bad=200, unit=PanelUnit.REQUESTS_PER_SECOND),
    ),
    stacked(
        "How do accepted requests end?",
        "Terminal outcomes. failed is mostly what clients sent; expired is work that came "
        "too late to be begun.",
        {"{{outcome}}": rate("pneumo_predictions_total", "outcome")},
        above("answers-expiring", warn=250, bad=330, unit=PanelUnit.REQUESTS_PER_SECOND),
    ),
    stacked(
        "Why do accepted requests fail?",
        "Failed outcomes by code. undecodable and its like are what clients sent; internal, "
        "inference_failed and worker_crashed are ours.",
        {"{{reason}}": rate("pneumo_prediction_failures_total", "reason")},
        above("dead-letters-growing", warn=0.1, bad=1, unit=PanelUnit.PER_SECOND),
    ),
)

_WAITING = (
    timeseries(
        "How long would a new request wait?",
        "Backlog divided by the rate of outcomes; a gateway refuses what would wait past its "
        "client's deadline.",
        {"estimated wait": largest("pneumo_estimated_wait_seconds")},
        above("wait-beyond-deadline", warn=5, bad=10, unit=PanelUnit.SECONDS),
    ),
    timeseries(
        "How many requests wait for an outcome?",
        "backlog: of all gateways, as the gateways reckon it. lag: records not yet committed, "
        "as Kafka tells it.",
        {
            "backlog": largest("pneumo_backlog"),
            "lag {{topic}}": largest("pneumo_consumer_lag", "topic", where='topic=~".*predict.*"'),
        },
        above("stuck-consumer", warn=256, bad=1024),
    ),
    timeseries(
        "How much memory do waiting images take?",
        "Bytes of images held by each gateway until their outcome; it has a bound.",
        {"{{instance}}": total("pneumo_in_flight_bytes", "instance")},
        above("wait-beyond-deadline", warn=128 * 2**20, bad=256 * 2**20, unit=PanelUnit.BYTES),
    ),
    timeseries(
        "Which answers come too late?",
        "504s. no_answer: the outcome had not come; expired: no worker had begun in time.",
        {"{{reason}}": rate("pneumo_deadlines_exceeded_total", "reason")},
        above("answers-expiring", warn=0.01, bad=1, unit=PanelUnit.REQUESTS_PER_SECOND),
    ),
)

_AGAIN = (
    timeseries(
        "How often is a request tried again?",
        "retries: put back after a failure that may pass. careful: taken alone, because the "
        "last owner of its partition died.",
        {"retries": rate("pneumo_retries_total"), "careful": rate("pneumo_careful_records_total")},
        above("dead-letters-growing", warn=0.01, bad=1, unit=PanelUnit.PER_SECOND),
    ),
    timeseries(
        "How many requests wait for their next attempt?",
        "Held by the workers until their time; 64 each at most.",
        {"{{instance}}": total("pneumo_retries_waiting", "instance")},
        above("dead-letters-growing", warn=16, bad=64),
    ),
    timeseries(
        "Which requests were given up, and why?",
        "Dead letters by cause. Their clients got a typed failure; they can be redriven.",
        {"{{cause}}": rate("pneumo_dead_letters_total", "cause")},
        any_is_bad("redrive-dead-letters", unit=PanelUnit.PER_SECOND),
    ),
    timeseries(
        "Which records are no requests?",
        "Records without usable headers: something else writes to the topic.",
        {"unreadable": rate("pneumo_unreadable_records_total")},
        any_is_bad("dead-letters-growing", unit=PanelUnit.PER_SECOND),
    ),
)

PREDICTION_PATH = new_dashboard(
    "prediction-path",
    "2 · Prediction path",
    "Where does the time of a prediction go, what waits, what is tried again?",
    {
        "Where does the time go?": (_TIME,),
        "How is work taken together?": (_BATCHES,),
        "What waits?": (_WAITING,),
        "What is tried again, or given up?": (_AGAIN,),
    },
)


_REACH = (
    stat(
        "Is a prediction refused because Kafka is away?",
        "Requests that gateways refused in two minutes, since the broker did not answer.",
        {
            "refused": or_zero(
                increase("pneumo_rejected_total", where='reason="broker"', window="2m")
            )
        },
        any_is_bad("broker-unreachable", 0.5),
    ),
    stat(
        "How often could the registry not publish?",
        "Attempts of ten minutes that failed and are made again.",
        {"failures": or_zero(increase("pneumo_registry_publish_failures_total", window="10m"))},
        any_is_bad("events-unsent", 0.5),
    ),
    stat(
        "How many events has the registry not published?",
        "They are in its outbox, in order, until Kafka takes them.",
        {"unsent": largest("pneumo_registry_outbox_unsent")},
        above("events-unsent", warn=1, bad=100),
    ),
)

_LAG = (
    timeseries(
        "How far behind is each group?",
        "Records of a topic that its group has not committed. It breathes with the load; a "
        "rise that does not end is a consumer that is too slow, or stuck.",
        {"{{topic}} · {{group}}": largest("pneumo_consumer_lag", "topic", "group")},
        above("stuck-consumer", warn=256, bad=1024),
    ),
    timeseries(
        "Does a lag grow?",
        "Records a second over five minutes; above nothing for long, workers are too few.",
        {"{{topic}} · {{group}}": "max by (topic, group) (deriv(pneumo_consumer_lag[5m]))"},
        above("wait-beyond-deadline", warn=1, bad=10, unit=PanelUnit.PER_SECOND),
    ),
)

_FLOW = (
    timeseries(
        "How many outcomes flow through predict.results?",
        "What the workers publish, every one of them confirmed.",
        {"outcomes": rate("pneumo_predictions_total")},
        above("scale-workers", warn=250, bad=330, unit=PanelUnit.PER_SECOND),
    ),
    timeseries(
        "What goes to predict.retry and predict.dlq?",
        "Requests to be tried again, and those given up.",
        {
            "predict.retry": rate("pneumo_retries_total"),
            "predict.dlq": rate("pneumo_dead_letters_total"),
        },
        above("redrive-dead-letters", warn=0.01, bad=1, unit=PanelUnit.PER_SECOND),
    ),
    timeseries(
        "How full are the disks?",
        "Share that is free: of the registry's data folder, and of every disk that a node "
        "exporter tells of, where there is one.",
        {
            "{{instance}} data folder": "min by (instance) (pneumo_registry_disk_free_bytes / "
            "pneumo_registry_disk_total_bytes)",
            "{{instance}} {{mountpoint}}": "min by (instance, mountpoint) ("
            "node_filesystem_avail_bytes / node_filesystem_size_bytes)",
        },
        below("disk-filling-up", warn=0.2, bad=0.1, unit=PanelUnit.SHARE),
    ),
)

KAFKA = new_dashboard(
    "kafka",
    "6 · Kafka",
    "What waits on Kafka, what flows through it, who cannot reach it?",
    {
        "Can it be reached?": (_REACH,),
        "Who is behind?": (_LAG,),
        "What flows?": (_FLOW,),
    },
)
