"""pytest fixtures that start a real broker; loaded by the root conftest.py.

TEST_BROKER=embedded (default) runs our own broker, TEST_BROKER=docker Apache's image. A broker
that cannot start fails the tests that asked for it: none is ever skipped.
"""

import asyncio
import gc
import os
import secrets
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from embedded.errors import EmbeddedError, NotReadyError
from embedded.kafka.cluster import Cluster, new_cluster
from embedded.kafka.container import container_broker
from embedded.kafka.process import RestartableBroker
from embedded.kafka.properties import BrokerConfig
from embedded.ports import free_ports
from shared.contracts.topics import ALL_TOPICS
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings

_LISTED_TIMEOUT_S = 20
_POLL_S = 0.02


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of one real broker for the whole run; tests keep apart by topic prefix."""
    which = os.environ.get("TEST_BROKER", "embedded")
    if which == "docker":
        with container_broker() as address:
            yield address
    elif which == "embedded":
        broker = new_broker(tmp_path_factory)
        _start(broker)
        yield broker.bootstrap_servers
        broker.stop()
    else:
        pytest.fail(f"TEST_BROKER={which} is neither embedded nor docker", pytrace=False)


@pytest.fixture
def restartable_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableBroker]:
    """Give a broker of the test's own, started, to stop, kill or freeze at will."""
    broker = new_broker(tmp_path_factory)
    _start(broker)
    yield broker
    broker.stop()
    _collect_lost_connections()


@pytest.fixture
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give three brokers of the test's own, started, of which it may kill any one."""
    cluster = new_cluster(tmp_path_factory.mktemp("cluster"))
    _start(cluster)
    yield cluster
    cluster.stop()
    _collect_lost_connections()


@pytest.fixture
async def kafka_settings(kafka_broker: str) -> AsyncIterator[KafkaSettings]:
    """Give settings of the real broker under a fresh topic prefix; the declared topics exist."""
    settings = await new_topics(kafka_broker)
    yield settings
    await _delete_topics(settings)


async def new_topics(bootstrap_servers: str) -> KafkaSettings:
    """Make the declared topics under a fresh prefix, and wait until the broker knows them."""
    prefix = f"t{secrets.token_hex(4)}."
    settings = KafkaSettings(bootstrap_servers=bootstrap_servers, topic_prefix=prefix)
    await create_topics(settings)
    await _wait_until_listed(settings)
    return settings


def new_broker(tmp_path_factory: pytest.TempPathFactory) -> RestartableBroker:
    """Make a broker on free ports in a folder of its own; not started yet."""
    port, controller_port = free_ports(2)
    return RestartableBroker(BrokerConfig(tmp_path_factory.mktemp("kafka"), port, controller_port))


def _collect_lost_connections() -> None:
    # What aiokafka was opening when its broker went away, it leaves to the collector.
    lost = r"unclosed (<socket|transport)|loop is closed|Unclosed AIOKafkaConnection "
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", lost, ResourceWarning)
        gc.collect()


def _start(broker: RestartableBroker | Cluster) -> None:
    try:
        broker.start()
    except NotReadyError as error:
        pytest.fail("\n  | ".join([str(error), *error.log_tail]), pytrace=False)
    except EmbeddedError as error:
        pytest.fail(str(error), pytrace=False)


async def _wait_until_listed(settings: KafkaSettings) -> None:
    # The controller answers a creation before the broker's own metadata has it.
    names = set(_names(settings))
    async with _admin(settings) as admin, asyncio.timeout(_LISTED_TIMEOUT_S):
        while not names <= set(await admin.list_topics()):  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(_POLL_S)


async def _delete_topics(settings: KafkaSettings) -> None:
    # Forty partitions a test would fill the broker's heap over a long run.
    async with _admin(settings) as admin:
        await admin.delete_topics(_names(settings))


def _names(settings: KafkaSettings) -> list[str]:
    return [spec.prefixed(settings.topic_prefix).name for spec in ALL_TOPICS]


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
