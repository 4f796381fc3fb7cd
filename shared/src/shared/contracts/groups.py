"""The consumer groups, declared once. Deployments that share a cluster have groups of their own."""

WORKERS_GROUP = "inference-worker"
"""Of workers, on `predict.requests`."""

RETRIES_GROUP = "inference-worker-retry"
"""Of workers, on `predict.retry`."""

TRAINERS_GROUP = "trainer"
"""Of trainers, on `train.commands`."""


def prefixed_group(group: str, prefix: str) -> str:
    """Give a group's name on the cluster. prefix: KAFKA_TOPIC_PREFIX, as before the topics."""
    return f"{prefix}{group}"
