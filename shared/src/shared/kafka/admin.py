"""Topics as declared, created by one job; what exists is left alone and only compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import ALL_TOPICS, TopicSpec
from shared.kafka.clients import started
from shared.kafka.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """created: names made now. too_few_partitions: name → partitions found, where fewer."""

    created: tuple[str, ...]
    too_few_partitions: dict[str, int]


async def create_topics(
    settings: KafkaSettings, specs: Sequence[TopicSpec] = ALL_TOPICS
) -> TopicsReport:
    """Make every missing topic with its declared partitions and settings.

    Raises aiokafka.errors.KafkaError if the cluster cannot be reached or refuses.
    """
    wanted = {s.name: s for s in (spec.prefixed(settings.topic_prefix) for spec in specs)}
    async with started(AIOKafkaAdminClient(**settings.client_options())) as admin:
        existing = set(await admin.list_topics())
        missing = [spec for name, spec in wanted.items() if name not in existing]
        created = await _create(admin, missing, settings.replication_factor)
        found = await admin.describe_topics([name for name in wanted if name in existing])
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in found}
        too_few = {n: p for n, p in partitions.items() if p < wanted[n].partitions}
        return TopicsReport(created=created, too_few_partitions=too_few)


def topic_config(spec: TopicSpec, replication: int) -> dict[str, str]:
    """Give a topic's settings; of three copies two must confirm, else one broker's death loses.

    A cluster's own default may be 1, which makes acks=all a promise of one broker.
    """
    safe = {"min.insync.replicas": "2"} if replication > 2 else {}  # noqa: PLR2004  a majority
    return safe | dict(spec.config)


async def _create(
    admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], replication: int
) -> tuple[str, ...]:
    if not specs:
        return ()
    topics = [
        NewTopic(s.name, s.partitions, replication, topic_configs=topic_config(s, replication))
        for s in specs
    ]
    response = await admin.create_topics(topics)
    created = []
    for name, code, message in response.topic_errors:
        # Two jobs may race; whoever loses finds what it wanted.
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"topic {name}: {message}")
        if code == 0:
            created.append(name)
    return tuple(created)
