"""`python -m shared.kafka.create_topics`: the one job that makes the topics."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from aiokafka.errors import InvalidReplicationFactorError, KafkaError
from pydantic import ValidationError

from shared.kafka.admin import TopicsReport, create_topics
from shared.kafka.settings import KafkaSettings

_WAIT_S = 120.0
_AGAIN_S = 2.0


def main(arguments: Sequence[str] = (), settings: KafkaSettings | None = None) -> int:
    """Create what is missing, report what differs; 1 and a sentence if that cannot be done.

    settings: None, from the environment.
    """
    parser = argparse.ArgumentParser("create_topics", description="Create the topics.")
    parser.add_argument(
        "--wait",
        type=float,
        default=_WAIT_S,
        metavar="SECONDS",
        help="how long to wait for a cluster that is not there yet [default: %(default)g]",
    )
    wait_s = parser.parse_args(arguments).wait
    try:
        report = asyncio.run(_create(settings or KafkaSettings(), wait_s))
    except ValidationError as error:
        wrong = "; ".join(
            "".join(f"KAFKA_{at}: ".upper() for at in e["loc"]) + e["msg"] for e in error.errors()
        )
        return _fail(f"wrong settings: {wrong}")
    except TimeoutError as error:
        return _fail(f"Kafka cannot be reached: {error}")
    except KafkaError as error:
        return _fail(f"Kafka refuses: {error}")
    print(f"topics: {len(report.created)} created")
    for name, partitions in report.too_few_partitions.items():
        print(f"topics: {name} has only {partitions} partitions", file=sys.stderr)
    for name in report.raised:
        print(f"topics: {name} now takes larger records")
    for name, limit in report.too_small.items():
        print(f"topics: {name} takes records of {limit} bytes only", file=sys.stderr)
    return 0


async def _create(settings: KafkaSettings, wait_s: float) -> TopicsReport:
    """Raise TimeoutError, with the last reason, if the cluster is not there in time."""
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + wait_s
    while True:
        try:
            return await create_topics(settings)
        except (KafkaError, AttributeError) as error:
            # AttributeError: aiokafka asks a controller that the cluster has not elected yet.
            # Replication: of a cluster that starts, not all brokers are there yet.
            passing = getattr(error, "retriable", True)
            if not passing and not isinstance(error, InvalidReplicationFactorError):
                raise
            reason = error.args[0] if error.args else repr(error)
            if loop.time() + _AGAIN_S > give_up_s:
                raise TimeoutError(f"{reason} (waited {wait_s:g} s)") from error
            print(f"topics: waiting for Kafka: {reason}", file=sys.stderr)
            await asyncio.sleep(_AGAIN_S)


def _fail(sentence: str) -> int:
    print(f"topics: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
