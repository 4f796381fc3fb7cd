"""Certificates as compose's job makes them, before a real Kafka that wants TLS and a password."""

import asyncio
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from embedded.kafka.broker import prepare_broker
from embedded.kafka.properties import BrokerConfig
from embedded.kafka.readiness import wait_for_kafka
from embedded.ports import free_ports
from shared.kafka.clients import new_producer, started
from shared.kafka.settings import KafkaSettings
from shared.testing.clients import every_client_gets_in

SCRIPT = Path(__file__).parents[1] / "certificates.sh"
PASSWORD = "0123456789abcdef"
USERS = f'username="pneumo" password="{PASSWORD}" user_pneumo="{PASSWORD}"'
LOGIN = f"org.apache.kafka.common.security.plain.PlainLoginModule required {USERS};"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH")


def made(folder: Path, names: str = "DNS:kafka") -> str:
    env = os.environ | {
        "AUTHORITY": str(folder),
        "BROKER": str(folder),
        "BROKER_USER": str(os.getuid()),
        "BROKER_NAMES": names,
    }
    command = ["bash", str(SCRIPT)]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def test_certificates_are_made_once_and_their_key_is_the_brokers_alone(tmp_path):
    assert "made" in made(tmp_path)
    first = (tmp_path / "broker.pem").read_bytes()
    assert "good for another month" in made(tmp_path)
    assert (tmp_path / "broker.pem").read_bytes() == first
    assert (tmp_path / "broker.pem").stat().st_mode & 0o777 == 0o400
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "broker.crt", "broker.pem"}
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    (authority,) = context.get_ca_certs()
    assert ("commonName", "PneumoStream compose authority") in authority["subject"][0]


def settings(address: str, folder: Path, **other: str) -> KafkaSettings:
    given = {
        "bootstrap_servers": address,
        "security_protocol": "SASL_SSL",
        "sasl_username": "pneumo",
        "sasl_password": PASSWORD,
        "ssl_cafile": str(folder / "ca.pem"),
    }
    return KafkaSettings(**(given | other))


def properties(config: BrokerConfig, folder: Path) -> str:
    """Give the embedded broker's properties with what deploy/compose/tls.yml changes in them."""
    text = config.properties_path.read_text()
    for sep in ("\\://", "://"):
        text = text.replace(f"PLAINTEXT{sep}", f"INSIDE{sep}")
    return text.replace("PLAINTEXT:PLAINTEXT", "INSIDE:SASL_SSL", 1) + (
        "inter.broker.listener.name=INSIDE\n"
        "sasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n"
        f"listener.name.inside.plain.sasl.jaas.config={LOGIN}\n"
        f"ssl.keystore.type=PEM\nssl.keystore.location={folder / 'broker.pem'}\n"
        f"ssl.truststore.type=PEM\nssl.truststore.location={folder / 'ca.pem'}\n"
    )


@pytest.fixture
async def tls_broker(tmp_path):
    """A real broker that speaks TLS alone, and to nobody without a password; its address."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    made(folder, names="IP:127.0.0.1")
    port, controller_port = free_ports(2)
    config = BrokerConfig(tmp_path / "kafka", port, controller_port)
    command = prepare_broker(config)
    config.properties_path.write_text(properties(config, folder))
    with (tmp_path / "broker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        await wait_for_kafka(settings(config.bootstrap_servers, folder), timeout_s=90)
        yield config.bootstrap_servers, folder
    except TimeoutError:
        pytest.fail((tmp_path / "broker.log").read_text()[-3000:])
    finally:
        process.kill()
        await process.wait()


@pytest.mark.kafka
async def test_every_kind_of_client_speaks_tls_and_strangers_do_not_get_in(tls_broker, tmp_path):
    address, folder = tls_broker
    known = settings(address, folder)
    await every_client_gets_in(known)

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    made(foreign)
    for stranger in (
        settings(address, folder, sasl_password="wrong"),
        settings(address, folder, security_protocol="PLAINTEXT"),
        settings(address, foreign),  # one that trusts another authority: it must not trust us
    ):
        with pytest.raises(KafkaError):
            async with started(new_producer(stranger, client_id="s")):
                pass
