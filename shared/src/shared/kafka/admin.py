"""Topics as declared, created by one job; what exists is left alone and only compared.

With one exception: `max.message.bytes` is raised where a release declares more than the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import ALL_TOPICS, TopicSpec
from shared.kafka.clients import started
from shared.kafka.settings import KafkaSettings

_LIMIT = "max.message.bytes"
_OWN_SETTING = 1
"""Kafka's DYNAMIC_TOPIC_CONFIG: set for this topic, and no default."""


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """created: names made now. too_few_partitions: name → partitions found, where fewer.

    raised: names whose `max.message.bytes` was raised. too_small: name → that limit as it is, where
    it is smaller than declared and must not be changed by us.
    """

    created: tuple[str, ...]
    too_few_partitions: dict[str, int]
    raised: tuple[str, ...] = ()
    too_small: Mapping[str, int] = field(default_factory=dict)


async def create_topics(
    settings: KafkaSettings, specs: Sequence[TopicSpec] = ALL_TOPICS
) -> TopicsReport:
    """Make every missing topic with its declared partitions and settings; raise too small limits.

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
        known = [spec for name, spec in wanted.items() if name in existing]
        raised, too_small = await _raise_limits(admin, known)
        return TopicsReport(created, too_few, raised, too_small)


def topic_config(spec: TopicSpec, replication: int) -> dict[str, str]:
    """Give a topic's settings; of three copies two must confirm, else one broker's death loses.

    A cluster's own default may be 1, which makes acks=all a promise of one broker.
    """
    safe = {"min.insync.replicas": "2"} if replication > 2 else {}  # noqa: PLR2004  a majority
    return safe | dict(spec.config)


async def _raise_limits(
    admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]
) -> tuple[tuple[str, ...], Mapping[str, int]]:
    raised: list[str] = []
    too_small: dict[str, int] = {}
    for spec in specs:
        declared = int(spec.config.get(_LIMIT, 0))
        if not declared:
            continue
        own, limit = await _read_config(admin, spec.name)
        if limit is None or limit >= declared:
            continue
        # The protocol's AlterConfigs replaces all of a topic's own settings: they go along.
        changed = ConfigResource(
            ConfigResourceType.TOPIC, spec.name, configs={**own, _LIMIT: str(declared)}
        )
        (response,) = await admin.alter_configs([changed])
        if any(code for code, *_ in response.resources):
            too_small[spec.name] = limit
        else:
            raised.append(spec.name)
    return tuple(raised), too_small


async def _read_config(admin: AIOKafkaAdminClient, topic: str) -> tuple[dict[str, str], int | None]:
    """Give a topic's own settings, and its limit on records; None: we may not read them."""
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((code, _, _, _, entries),) = response.resources
    if code:
        return {}, None
    # (name, value, read only, source, sensitive, synonyms)
    own = {entry[0]: entry[1] for entry in entries if entry[3] == _OWN_SETTING}
    limits = [int(entry[1]) for entry in entries if entry[0] == _LIMIT]
    return own, limits[0] if limits else None


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
