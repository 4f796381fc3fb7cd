"""`python -m shared.kafka.create_topics`: the one job that makes the topics."""

import asyncio
import sys

from aiokafka.errors import KafkaError

from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings


def main() -> int:
    """Create what is missing, report what differs; 0 unless the cluster cannot be reached."""
    settings = KafkaSettings()
    try:
        report = asyncio.run(create_topics(settings))
    except (KafkaError, OSError) as error:
        print(
            f"topics: cannot reach Kafka at {settings.bootstrap_servers}: {error}", file=sys.stderr
        )
        return 1
    print(f"topics: {len(report.created)} created")
    for name, partitions in report.too_few_partitions.items():
        print(f"topics: {name} has only {partitions} partitions", file=sys.stderr)
    for name in report.raised:
        print(f"topics: {name} now takes larger records")
    for name, limit in report.too_small.items():
        print(f"topics: {name} takes records of {limit} bytes only", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
