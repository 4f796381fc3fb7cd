"""Every metric that a service exports, by the name it is asked for; docs/architecture/metrics.md.

Rules and dashboards are checked against this list, and the list against what services export.
"""

from typing import Final, Literal, get_args

MetricName = Literal[
    # Every service
    "pneumo_ready",  # gauge: whether a condition for taking work holds
    "process_resident_memory_bytes",  # gauge: memory in RAM; process_: on Linux alone
    "process_virtual_memory_bytes",  # gauge: memory as addresses
    "process_cpu_seconds_total",  # counter: user and system time
    "process_start_time_seconds",  # gauge: since 1970
    "process_open_fds",  # gauge: open files and sockets
    "process_max_fds",  # gauge: as many as may be open
    # Gateway
    "pneumo_http_requests_total",  # counter: HTTP requests answered
    "pneumo_http_request_seconds",  # histogram: from request to the end of its answer
    "pneumo_in_flight",  # gauge: requests of this gateway without an outcome
    "pneumo_in_flight_bytes",  # gauge: image bytes held for them
    "pneumo_backlog",  # gauge: requests accepted and not answered, all gateways
    "pneumo_estimated_wait_seconds",  # gauge: how long the backlog takes; +Inf: no sign of workers
    "pneumo_rejected_total",  # counter: predictions refused
    "pneumo_deadlines_exceeded_total",  # counter: predictions answered 504
    "pneumo_consumer_lag",  # gauge: records that a group has not committed
    # Inference worker
    "pneumo_predictions_total",  # counter: terminal outcomes published
    "pneumo_prediction_failures_total",  # counter: outcomes that are failures, by what failed
    "pneumo_stage_seconds",  # histogram: time of one request in a stage
    "pneumo_batch_size",  # histogram: requests taken together
    "pneumo_unreadable_records_total",  # counter: records that are no request
    "pneumo_model_loaded",  # gauge: 1 for the version served; absent while there is none
    "pneumo_model_swaps_total",  # counter: models loaded or refused
    "pneumo_model_refusing",  # gauge: 1 while the current model is not served, by the reason
    "pneumo_models_not_remembered_total",  # counter: models served that the cache did not note
    "pneumo_model_swap_seconds",  # histogram: from asking for a model to serving it
    "pneumo_predicted_labels_total",  # counter: answers by class, of the version served
    "pneumo_confidence",  # histogram: probability of the class named
    "pneumo_out_of_domain_total",  # counter: answers out of domain
    "pneumo_drift_index",  # gauge: PSI of late inputs against those of training, by feature
    "pneumo_retries_total",  # counter: requests put back to be tried again
    "pneumo_retries_waiting",  # gauge: requests held until their next attempt
    "pneumo_dead_letters_total",  # counter: requests given up
    "pneumo_records_refused_total",  # counter: records that the broker refuses for good
    "pneumo_dead_letter_budget_exhausted_total",  # counter: pauses for too many dead letters
    "pneumo_careful_records_total",  # counter: records tried alone after a worker's death
    # Registry
    "pneumo_registry_leader",  # gauge: 1 for the registry that does the background work
    "pneumo_registry_models_deleted_total",  # counter: versions deleted, by request or retention
    "pneumo_registry_uploads_total",  # counter: uploads consumed
    "pneumo_registry_upload_failures_total",  # counter: attempts that failed and are made again
    "pneumo_registry_uploads_waiting",  # gauge: uploads that Kafka has and the dataset has not
    "pneumo_registry_dataset_images",  # gauge: images of the dataset
    "pneumo_registry_dataset_conflicts",  # gauge: images with two labels, undecided
    "pneumo_registry_jobs",  # gauge: training jobs by state
    "pneumo_registry_last_promotion_timestamp_seconds",  # gauge: when the current model became it
    "pneumo_registry_current_model",  # gauge: 1 for the version that is current
    "pneumo_registry_gate_figure",  # gauge: what the gate saw in the last candidate and before
    "pneumo_registry_disk_free_bytes",  # gauge: what may still be written on the data's disk
    "pneumo_registry_disk_total_bytes",  # gauge: size of that disk
    "pneumo_registry_outbox_unsent",  # gauge: committed events that no broker has confirmed
    "pneumo_registry_events_published_total",  # counter: events confirmed by the broker
    "pneumo_registry_publish_failures_total",  # counter: attempts to empty the outbox that failed
    # Trainer
    "pneumo_trainer_jobs_total",  # counter: jobs ended by this trainer
    "pneumo_trainer_job_started_timestamp_seconds",  # gauge: when the job under way was taken
    "pneumo_trainer_job_progress",  # gauge: how far that job is
    "pneumo_trainer_phase_seconds",  # histogram: time of one job in a phase
]

METRIC_NAMES: Final[frozenset[str]] = frozenset(get_args(MetricName))
