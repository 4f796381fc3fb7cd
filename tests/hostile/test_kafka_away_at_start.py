"""Services that are started before Kafka is, or with settings that can never reach it."""

import asyncio
import json
import re
import subprocess
import sys
import time

import httpx
import pytest

from embedded.ports import free_ports
from shared.kafka import create_topics as topics_job
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg
from shared.testing.processes import running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]
UNTIL_S = 240
VARIABLES = {
    "gateway": {"PNEUMO_GATEWAY_PORT": "{port}"},
    "inference_worker": {
        "PNEUMO_WORKER_PORT": "{port}",
        "PNEUMO_WORKER_CACHE_DIR": "{folder}",
        "PNEUMO_WORKER_FAULTS": "1",
        "PNEUMO_WORKER_SIMULATED_MS": "1",
    },
    "trainer": {"PNEUMO_TRAINER_PORT": "{port}", "PNEUMO_TRAINER_CACHE_DIR": "{folder}"},
    "registry": {"PNEUMO_REGISTRY_PORT": "{port}", "PNEUMO_REGISTRY_DATA_DIR": "{folder}"},
}


def start(package, folder, **env):
    (port,) = free_ports(1)
    own = {
        name: value.format(port=port, folder=folder) for name, value in VARIABLES[package].items()
    }
    registry = {"PNEUMO_REGISTRY_URL": "http://127.0.0.1:1"}
    return running(package, port, registry | own | env, folder / f"{package}.log")


def until(holds, process):
    give_up_s = time.monotonic() + UNTIL_S
    while not holds():
        assert not process.ended, process.log[-3000:]
        assert time.monotonic() < give_up_s, process.log[-3000:]
        time.sleep(0.05)


def answer(process, path):
    try:
        return httpx.get(f"{process.url}{path}", timeout=5)
    except httpx.TransportError:
        return None


def is_live(process):
    live = answer(process, "/health/live")
    return live is not None and live.is_success


def lines(process):
    return [json.loads(line) for line in process.log.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("package", ["gateway", "inference_worker", "trainer"])
def test_a_service_without_kafka_is_live_not_ready_and_leaves_when_asked(package, tmp_path):
    (nobody,) = free_ports(1)
    with start(package, tmp_path, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{nobody}") as process:
        until(lambda: is_live(process), process)
        until(lambda: "cannot be reached yet" in process.log, process)
        assert answer(process, "/health/ready").status_code == 503
        assert answer(process, "/metrics").is_success
        assert process.stop() == 0
    told = [line for line in lines(process) if "cannot be reached yet" in line["event"]]
    assert {line["level"] for line in told} == {"warning"}
    assert f"127.0.0.1:{nobody} refuses connections" in told[0]["reason"]
    assert "Traceback" not in process.log
    assert "critical" not in {line["level"] for line in lines(process)}
    assert len(told) < 20  # each waits twice as long as the one before


def test_a_registry_without_kafka_serves(tmp_path):
    (nobody,) = free_ports(1)
    with start("registry", tmp_path, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{nobody}") as process:
        process.wait_ready()
        assert process.stop() == 0
    assert "Traceback" not in process.log


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": "no-such-host.invalid:9092"}, "is no known host"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, "does not agree on TLS|ended the connection"),
        (
            {
                "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "KAFKA_SASL_USERNAME": "pneumo",
                "KAFKA_SASL_PASSWORD": "not-for-logs",
            },
            "KAFKA_SASL|KAFKA_SECURITY_PROTOCOL",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_named(variables, said, kafka_broker, tmp_path):
    address = {"KAFKA_BOOTSTRAP_SERVERS": kafka_broker}
    with start("gateway", tmp_path, **address | variables) as process:
        until(lambda: "cannot be reached yet" in process.log, process)
        assert is_live(process) or not process.ended
    (first, *_) = [line for line in lines(process) if "cannot be reached yet" in line["event"]]
    assert re.search(said, first["reason"]), first
    assert "not-for-logs" not in process.log


def test_a_gateway_goes_on_by_itself_once_kafka_is_there(restartable_broker, tmp_path):
    restartable_broker.stop()
    address = restartable_broker.bootstrap_servers
    with start("gateway", tmp_path, KAFKA_BOOTSTRAP_SERVERS=address) as process:
        until(lambda: is_live(process), process)
        refused = httpx.post(
            f"{process.url}/v1/predictions",
            content=new_jpeg(),
            headers={"Content-Type": "image/jpeg"},
            timeout=20,
        )
        assert (refused.status_code, refused.json()["code"]) == (503, "broker_unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        restartable_broker.start()
        assert topics_job.main(["--wait", "60"], KafkaSettings(bootstrap_servers=address)) == 0
        process.wait_ready()


def run_job(address, *arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={"PATH": "/usr/bin:/bin", "KAFKA_BOOTSTRAP_SERVERS": address},
        capture_output=True,
        text=True,
        timeout=UNTIL_S,
        check=False,
    )


def test_the_topics_job_waits_so_long_and_then_says_why_not():
    (nobody,) = free_ports(1)
    job = run_job(f"127.0.0.1:{nobody}", "shared.kafka.create_topics", "--wait", "3")
    assert job.returncode == 1
    assert job.stderr.splitlines()[-1].startswith("topics: Kafka cannot be reached: 127.0.0.1")
    assert "topics: waiting for Kafka" in job.stderr
    assert "Traceback" not in job.stderr


async def test_the_topics_job_waits_for_a_broker_that_starts(restartable_broker):
    await asyncio.to_thread(restartable_broker.stop)
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    job = asyncio.create_task(asyncio.to_thread(topics_job.main, ["--wait", "90"], settings))
    await asyncio.sleep(0.5)
    assert not job.done()
    await asyncio.to_thread(restartable_broker.start)
    assert await job == 0


@pytest.mark.parametrize("command", [("audit", "--since", "1m"), ("dlq", "list")])
def test_an_operations_command_without_kafka_ends_with_a_sentence(command):
    (nobody,) = free_ports(1)
    done = run_job(f"127.0.0.1:{nobody}", "operations", *command)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"operations: cannot reach Kafka at 127.0.0.1:{nobody}: ")
    assert "refuses connections" in sentence
