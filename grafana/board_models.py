"""Dashboards 3 and 4: workers and the models they serve, and retraining."""

from grafana.panels import (
    PanelUnit,
    above,
    any_is_bad,
    at_least,
    below,
    new_dashboard,
    stacked,
    stat,
    state_timeline,
    timeseries,
)
from grafana.promql import SERVICES, increase, largest, mean, or_zero, quantile, rate, total

_READY = (
    stat(
        "How many workers serve a model?",
        "Ready to take requests. 24, the number of partitions, is the most that share them.",
        {"workers": or_zero("count(pneumo_model_loaded == 1)")},
        below("no-ready-worker", warn=2, bad=1),
    ),
    stat(
        "How many versions are served at once?",
        "One, but for the seconds of a swap.",
        {"versions": "count(count by (version) (pneumo_model_loaded == 1))"},
        above("workers-disagree", warn=2, bad=3),
    ),
    stat(
        "How many workers serve another version than the registry's?",
        "None, but for the seconds of a swap; a worker that refused the current model stays.",
        {
            "workers": or_zero(
                "count(pneumo_model_loaded == 1 "
                "unless on (version) pneumo_registry_current_model == 1)"
            )
        },
        any_is_bad("workers-disagree"),
    ),
    stat(
        "How many models were refused today?",
        "A worker that refuses keeps the model before: checksums or goldens did not agree.",
        {
            "refusals": or_zero(
                increase("pneumo_model_swaps_total", where='result="refused"', window="1d")
            )
        },
        any_is_bad("swap-refused", 0.5),
    ),
)

_MODELS = (
    state_timeline(
        "Which version does each worker serve?",
        "A line begins when a worker has taken a version up and ends when it has another. "
        "current: what the registry says.",
        {
            "{{instance}} · {{version}}": "max by (instance, version) (pneumo_model_loaded)",
            "current · {{version}}": largest("pneumo_registry_current_model", "version"),
        },
        at_least("workers-disagree", 1, unit=PanelUnit.YES_OR_NO),
    ),
    state_timeline(
        "Which workers answer a scrape?",
        "Those that Prometheus reaches, whether or not they have a model.",
        {"{{instance}}": 'min by (instance) (up{job="inference-worker"})'},
        at_least("service-down", 1, unit=PanelUnit.YES_OR_NO),
    ),
)

_SWAPS = (
    timeseries(
        "When were models swapped, or refused?",
        "Models taken up or refused in ten minutes, a worker each.",
        {"{{result}}": increase("pneumo_model_swaps_total", "result", window="10m")},
        above("swap-refused", warn=8, bad=24),
    ),
    timeseries(
        "How long does a swap take?",
        "From the event to the first batch with the new model, which waits for neither.",
        {"{{instance}} p95": quantile(0.95, "pneumo_model_swap_seconds", "instance")},
        above("swap-refused", warn=10, bad=30, unit=PanelUnit.SECONDS),
    ),
)

_COST = (
    timeseries(
        "How fast is each worker?",
        "Requests answered a second.",
        {"{{instance}}": rate("pneumo_batch_size_sum", "instance")},
        above("scale-workers", warn=150, bad=200, unit=PanelUnit.REQUESTS_PER_SECOND),
    ),
    timeseries(
        "How long does the model take for one request?",
        "Mean of infer, by worker: one that is slower than the others has a busy neighbour.",
        {"{{instance}}": mean("pneumo_stage_seconds", "instance", where='stage="infer"')},
        above("latency-budget-burning", warn=0.05, bad=0.25, unit=PanelUnit.SECONDS),
    ),
    timeseries(
        "Does a process grow?",
        "Resident memory. Level is healthy; a slope over hours is a leak.",
        {"{{instance}}": total("process_resident_memory_bytes", "instance", where=SERVICES)},
        above("service-down", warn=1.5 * 2**30, bad=2 * 2**30, unit=PanelUnit.BYTES),
    ),
    stacked(
        "Which process uses the cores?",
        "Cores in use; all together cannot be more than the machine has.",
        {"{{instance}}": rate("process_cpu_seconds_total", "instance", where=SERVICES)},
        above("scale-workers", warn=1, bad=2),
    ),
)

WORKERS = new_dashboard(
    "workers-and-models",
    "3 · Workers & models",
    "Which model does each worker serve, how did it come to it, and what does it cost?",
    {
        "Are they ready?": (_READY,),
        "What do they serve?": (_MODELS, _SWAPS),
        "What do they cost?": (_COST,),
    },
)


_DAY_S = 86_400
_LAST_PROMOTION = "pneumo_registry_last_promotion_timestamp_seconds"

_UNDER_WAY_BY_STATE = largest("pneumo_registry_jobs", "state", where='state=~"running|evaluating"')
"""Every registry over a database counts the same jobs."""

_JOBS_NOW = (
    stat(
        "How many jobs wait?",
        "Asked for and not yet taken up by a trainer.",
        {"queued": or_zero(largest("pneumo_registry_jobs", where='state="queued"'))},
        above("job-stalled", warn=2, bad=5),
    ),
    stat(
        "How many jobs are under way?",
        "Training or being judged by the gate; a trainer does one after the other.",
        {"under way": or_zero(f"sum({_UNDER_WAY_BY_STATE})")},
        above("job-stalled", warn=2, bad=3),
    ),
    stat(
        "How many jobs failed today?",
        "Failed is neither rejected by the gate nor cancelled: something broke.",
        {
            "failed": or_zero(
                increase("pneumo_trainer_jobs_total", where='state="failed"', window="1d")
            )
        },
        any_is_bad("job-stalled", 0.5),
    ),
    stat(
        "How long ago was a model promoted?",
        "The last time that a candidate passed the gate and became current.",
        {"last promotion": f"time() - {largest(_LAST_PROMOTION)}"},
        above("job-stalled", warn=30 * _DAY_S, bad=90 * _DAY_S, unit=PanelUnit.SECONDS),
    ),
)

_UNDER_WAY = (
    timeseries(
        "How long has the job under way run?",
        "Since its trainer took it. No value while there is none.",
        {"age": "time() - min(pneumo_trainer_job_started_timestamp_seconds)"},
        above("job-stalled", warn=3600, bad=3 * 3600, unit=PanelUnit.SECONDS),
    ),
    timeseries(
        "How far is the job under way?",
        "As its trainer reckons it; a line that is level for long is one that hangs.",
        {"{{instance}}": total("pneumo_trainer_job_progress", "instance")},
        at_least("job-stalled", 0, unit=PanelUnit.SHARE),
    ),
)

_JOBS = (
    timeseries(
        "How did jobs end?",
        "All jobs by state. rejected: the gate found the candidate no better; the current "
        "model stays.",
        {"{{state}}": largest("pneumo_registry_jobs", "state")},
        above("job-stalled", warn=1000, bad=10000),
    ),
    timeseries(
        "How long does each phase of a training take?",
        "Half of all jobs are faster.",
        {"{{phase}}": quantile(0.5, "pneumo_trainer_phase_seconds", "phase")},
        above("job-stalled", warn=600, bad=3600, unit=PanelUnit.SECONDS),
    ),
    timeseries(
        "What did the gate see in the last candidate?",
        "Its figures beside those of the model that was current; a promoted one is not worse.",
        {"{{figure}} · {{model}}": largest("pneumo_registry_gate_figure", "figure", "model")},
        below("roll-a-model-back", warn=0.9, bad=0.75, unit=PanelUnit.SHARE),
    ),
)

_DATASET = (
    timeseries(
        "How many images are there of each class?",
        "The dataset. A class under twenty teaches little.",
        {"{{label}}": largest("pneumo_registry_dataset_images", "label")},
        below("uploads-waiting", warn=100, bad=20),
    ),
    timeseries(
        "How many images await a decision on their label?",
        "Uploaded under two labels; left out of training until the conflict is resolved.",
        {"conflicts": largest("pneumo_registry_dataset_conflicts")},
        above("uploads-waiting", warn=1, bad=20),
    ),
    stacked(
        "What do uploads do to the dataset?",
        "By effect: added, known already, in conflict, unreadable.",
        {"{{effect}}": rate("pneumo_registry_uploads_total", "effect")},
        above("uploads-waiting", warn=100, bad=500, unit=PanelUnit.PER_SECOND),
    ),
)

_WAYS = (
    timeseries(
        "Which uploads have not arrived?",
        "On Kafka and not yet in the dataset.",
        {"waiting": largest("pneumo_registry_uploads_waiting")},
        above("uploads-waiting", warn=1, bad=1000),
    ),
    timeseries(
        "Does keeping an upload fail?",
        "Attempts that failed and are made again; nothing is lost, but nothing arrives.",
        {"failures": rate("pneumo_registry_upload_failures_total")},
        any_is_bad("uploads-waiting", unit=PanelUnit.PER_SECOND),
    ),
    timeseries(
        "Do the registry's decisions reach Kafka?",
        "unsent: decided and not yet announced; no worker hears of a model until it is.",
        {
            "unsent": largest("pneumo_registry_outbox_unsent"),
            "published in 10 minutes": increase(
                "pneumo_registry_events_published_total", window="10m"
            ),
        },
        above("events-unsent", warn=10, bad=100),
    ),
    timeseries(
        "Does one registry lead?",
        "Of several, one announces models, takes uploads in and asks for trainings.",
        {"leading": total("pneumo_registry_leader")},
        at_least("not-one-leader", 1),
    ),
)

RETRAINING = new_dashboard(
    "retraining",
    "4 · Retraining",
    "Is what was uploaded learned, judged and served?",
    {
        "Which jobs are there?": (_JOBS_NOW, _UNDER_WAY, _JOBS),
        "What is there to learn from?": (_DATASET, _WAYS),
    },
)
