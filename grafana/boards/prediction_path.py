"""Where a prediction's time goes, how work is taken together, what waits, what is tried again."""

from grafana import metrics as m
from grafana.queries import PREDICTING, largest, mean, quantile, rate, total
from grafana.questions import Board, Look, Question, Section, Series, Unit, above, any_is_bad

_WORKERS = 'stage=~"queue|decode|infer"'
"""The stages that a worker tells of."""

_TIME = (
    Question(
        title="Where does the time of an answer go?",
        why="Mean of each stage. admit: until the record is on Kafka; queue: until a worker "
        "begins; reply: what is left.",
        series=[Series(mean(m.STAGE_SECONDS, "stage"), "{{stage}}")],
        unit=Unit.SECONDS,
        thresholds=above(warn=0.25, bad=0.5),
        runbook="latency-budget-burning",
        look=Look.STACK,
    ),
    Question(
        title="How bad does each stage get?",
        why="The slowest one in a hundred of each stage. A long queue asks for workers, a long "
        "decode is large images, a long infer is a busy machine.",
        series=[Series(quantile(0.99, m.STAGE_SECONDS, "stage"), "{{stage}} p99")],
        unit=Unit.SECONDS,
        thresholds=above(warn=0.25, bad=0.5),
        runbook="latency-budget-burning",
    ),
    Question(
        title="How much of an answer's time is not a worker's?",
        why="The gateway's mean less the mean of the worker's stages: HTTP, Kafka, and waiting for "
        "both.",
        series=[
            Series(
                f"{mean(m.HTTP_SECONDS, where=PREDICTING)} - "
                f"sum({mean(m.STAGE_SECONDS, 'stage', where=_WORKERS)})",
                "HTTP and Kafka",
            )
        ],
        unit=Unit.SECONDS,
        thresholds=above(warn=0.05, bad=0.25),
        runbook="latency-budget-burning",
    ),
)

_BATCHES = (
    Question(
        title="How many requests are taken together?",
        why="1 is an idle system, where each request is answered at once; 16 are the most.",
        series=[
            Series(mean(m.BATCH_SIZE), "mean"),
            Series(quantile(0.95, m.BATCH_SIZE), "p95"),
        ],
        unit=Unit.NUMBER,
        thresholds=above(warn=12, bad=16),
        runbook="scale-workers",
    ),
    Question(
        title="Does every worker do its share?",
        why="Requests answered by each worker. One at nothing while the others work is stuck.",
        series=[Series(rate(f"{m.BATCH_SIZE}_sum", "instance"), "{{instance}}")],
        unit=Unit.REQUESTS_PER_SECOND,
        thresholds=above(warn=150, bad=200),
        runbook="stuck-worker",
        look=Look.STACK,
    ),
    Question(
        title="How do accepted requests end?",
        why="Terminal outcomes. failed is mostly what clients sent; expired is work that came "
        "too late to be begun.",
        series=[Series(rate(m.PREDICTIONS, "outcome"), "{{outcome}}")],
        unit=Unit.REQUESTS_PER_SECOND,
        thresholds=above(warn=250, bad=330),
        runbook="answers-expiring",
        look=Look.STACK,
    ),
    Question(
        title="Why do accepted requests fail?",
        why="Failed outcomes by code. undecodable and its like are what clients sent; internal, "
        "inference_failed and worker_crashed are ours.",
        series=[Series(rate(m.FAILURES, "reason"), "{{reason}}")],
        unit=Unit.PER_SECOND,
        thresholds=above(warn=0.1, bad=1),
        runbook="dead-letters-growing",
        look=Look.STACK,
    ),
)

_WAITING = (
    Question(
        title="How long would a new request wait?",
        why="Backlog divided by the rate of outcomes; a gateway refuses what would wait past its "
        "client's deadline.",
        series=[Series(largest(m.ESTIMATED_WAIT), "estimated wait")],
        unit=Unit.SECONDS,
        thresholds=above(warn=5, bad=10),
        runbook="wait-beyond-deadline",
    ),
    Question(
        title="How many requests wait for an outcome?",
        why="backlog: of all gateways, as the gateways reckon it. lag: records not yet committed, "
        "as Kafka tells it.",
        series=[
            Series(largest(m.BACKLOG), "backlog"),
            Series(largest(m.CONSUMER_LAG, "topic", where='topic=~".*predict.*"'), "lag {{topic}}"),
        ],
        unit=Unit.NUMBER,
        thresholds=above(warn=256, bad=1024),
        runbook="stuck-consumer",
    ),
    Question(
        title="How much memory do waiting images take?",
        why="Bytes of images held by each gateway until their outcome; it has a bound.",
        series=[Series(total(m.IN_FLIGHT_BYTES, "instance"), "{{instance}}")],
        unit=Unit.BYTES,
        thresholds=above(warn=128 * 2**20, bad=256 * 2**20),
        runbook="wait-beyond-deadline",
    ),
    Question(
        title="Which answers come too late?",
        why="504s. no_answer: the outcome had not come; expired: no worker had begun in time.",
        series=[Series(rate(m.DEADLINES_EXCEEDED, "reason"), "{{reason}}")],
        unit=Unit.REQUESTS_PER_SECOND,
        thresholds=above(warn=0.01, bad=1),
        runbook="answers-expiring",
    ),
)

_AGAIN = (
    Question(
        title="How often is a request tried again?",
        why="retries: put back after a failure that may pass. careful: taken alone, because the "
        "last owner of its partition died.",
        series=[
            Series(rate(m.RETRIES), "retries"),
            Series(rate(m.CAREFUL), "careful"),
        ],
        unit=Unit.PER_SECOND,
        thresholds=above(warn=0.01, bad=1),
        runbook="dead-letters-growing",
    ),
    Question(
        title="How many requests wait for their next attempt?",
        why="Held by the workers until their time; 64 each at most.",
        series=[Series(total(m.RETRIES_WAITING, "instance"), "{{instance}}")],
        unit=Unit.NUMBER,
        thresholds=above(warn=16, bad=64),
        runbook="dead-letters-growing",
    ),
    Question(
        title="Which requests were given up, and why?",
        why="Dead letters by cause. Their clients got a typed failure; they can be redriven.",
        series=[Series(rate(m.DEAD_LETTERS, "cause"), "{{cause}}")],
        unit=Unit.PER_SECOND,
        thresholds=any_is_bad(),
        runbook="redrive-dead-letters",
    ),
    Question(
        title="Which records are no requests?",
        why="Records without usable headers: something else writes to the topic.",
        series=[Series(rate(m.UNREADABLE), "unreadable")],
        unit=Unit.PER_SECOND,
        thresholds=any_is_bad(),
        runbook="dead-letters-growing",
    ),
)

PREDICTION_PATH = Board(
    "prediction-path",
    "2 · Prediction path",
    "Where does the time of a prediction go, what waits, what is tried again?",
    (
        Section("Where does the time go?", (_TIME,)),
        Section("How is work taken together?", (_BATCHES,)),
        Section("What waits?", (_WAITING,)),
        Section("What is tried again, or given up?", (_AGAIN,)),
    ),
)
