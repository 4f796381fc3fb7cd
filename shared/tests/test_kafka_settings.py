"""How a client gets into the cluster: the same settings, for every client of every program."""

import ast
import asyncio
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from embedded.kafka.broker import prepare_broker
from embedded.kafka.properties import BrokerConfig
from embedded.kafka.readiness import wait_for_kafka
from embedded.ports import free_ports
from shared.contracts.topics import ALL_TOPICS
from shared.kafka.admin import topic_config
from shared.kafka.clients import new_producer, started
from shared.kafka.settings import KafkaSettings
from shared.testing.clients import every_client_gets_in

ROOT = Path(__file__).parents[2]
SECRET = "not-for-logs"
MAKERS = {"AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient", "KafkaBroker"}
PROGRAMS = sorted(
    path
    for folder in ("services", "shared", "deploy")
    for path in (ROOT / folder).glob("**/src/**/*.py")
)


USERS = f'username="pneumo" password="{SECRET}" user_pneumo="{SECRET}"'
LOGIN = f"org.apache.kafka.common.security.plain.PlainLoginModule required {USERS};"


def sasl(address="127.0.0.1:1", protocol="SASL_PLAINTEXT", password=SECRET):
    return KafkaSettings(
        bootstrap_servers=address,
        security_protocol=protocol,
        sasl_username="pneumo",
        sasl_password=password,
    )


@pytest.fixture
async def guarded_broker(tmp_path):
    """A real broker that lets nobody in without a password; its address."""
    port, controller_port = free_ports(2)
    config = BrokerConfig(tmp_path / "kafka", port, controller_port)
    command = prepare_broker(config)
    plain = config.properties_path.read_text()
    guarded = plain.replace("PLAINTEXT\\://", "SASL_PLAINTEXT\\://").replace(
        "PLAINTEXT://", "SASL_PLAINTEXT://"
    )
    guarded = guarded.replace("PLAINTEXT:PLAINTEXT", "SASL_PLAINTEXT:SASL_PLAINTEXT", 1)
    config.properties_path.write_text(
        guarded
        + "security.inter.broker.protocol=SASL_PLAINTEXT\n"
        + "sasl.mechanism.inter.broker.protocol=PLAIN\nsasl.enabled.mechanisms=PLAIN\n"
        + f"listener.name.sasl_plaintext.plain.sasl.jaas.config={LOGIN}\n"
    )
    with (tmp_path / "broker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        await wait_for_kafka(sasl(config.bootstrap_servers), timeout_s=90)
        yield config.bootstrap_servers
    except TimeoutError:
        pytest.fail((tmp_path / "broker.log").read_text()[-3000:])
    finally:
        process.kill()
        await process.wait()


@pytest.mark.kafka
async def test_every_kind_of_client_gets_into_a_guarded_cluster(guarded_broker):
    settings = sasl(guarded_broker)
    await every_client_gets_in(settings)


@pytest.mark.kafka
async def test_a_wrong_password_does_not_get_in(guarded_broker):
    with pytest.raises(KafkaError):
        async with started(new_producer(sasl(guarded_broker, password="wrong"), client_id="p")):
            pass


def made_in(path):
    """Yield (what, whether it spreads `client_options()` or is told its security), each client."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MAKERS:
            words = [ast.unparse(keyword) for keyword in node.keywords]
            yield node.func.id, any("client_options()" in w or "security=" in w for w in words)


def test_no_program_makes_a_client_without_the_settings():
    made = [(path, *client) for path in PROGRAMS for client in made_in(path)]
    assert {what for _, what, _ in made} >= {"AIOKafkaProducer", "AIOKafkaConsumer", "KafkaBroker"}
    assert [(str(path), what) for path, what, secured in made if not secured] == []


def test_tls_has_a_context_and_plain_has_none():
    assert "ssl_context" in sasl(protocol="SASL_SSL").client_options()
    assert "ssl_context" not in sasl().client_options()
    assert KafkaSettings(security_protocol="SSL").client_options()["ssl_context"].check_hostname


def test_the_password_is_in_no_text_of_the_settings():
    settings = sasl()
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize("spec", ALL_TOPICS, ids=lambda spec: spec.name)
def test_of_three_copies_two_must_confirm(spec):
    assert topic_config(spec, 3) == {"min.insync.replicas": "2", **spec.config}
    # One copy that waits for a second would take nothing at all.
    assert topic_config(spec, 1) == dict(spec.config)
