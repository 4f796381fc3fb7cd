"""Radiographs on disk are for the user who runs the services, and for no other on the machine."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from embedded.ports import free_ports
from embedded.stack.supervisord import Supervisord
from shared.contracts.dataset import UploadHeaders
from shared.contracts.topics import UPLOADS_LABELLED
from shared.kafka.clients import new_producer, started
from shared.testing.bundles import sha256_hex
from shared.testing.processes import running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
STAND_INS = ROOT / "deploy" / "embedded" / "tests" / "stand_in_stack.py"
CONTENT = b"a radiograph"
PORTS = (
    *("GATEWAY", "REGISTRY", "TRAINER", "KAFKA", "KAFKA_CONTROLLER"),
    *("WORKER", "PROMETHEUS", "UI"),
)


@pytest.fixture(autouse=True)
def umask():
    """Set the usual umask, under which others may read what is created."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder):
    """Name what others may read, list or change below `folder`."""
    found = [folder, *folder.rglob("*")]
    return [
        str(path.relative_to(folder.parent))
        for path in found
        if not path.is_socket() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]


@pytest.fixture
def stack(tmp_path):
    """Run `up` over a broker of its own and stand-ins, in a data folder that others may list."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    (tmp_path / "sample.jpeg").write_bytes(CONTENT)
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    ports = zip(PORTS, free_ports(len(PORTS)), strict=True)
    own = {
        **{f"PNEUMO_{name}_PORT": str(port) for name, port in ports},
        "PNEUMO_DATA": str(data),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(tmp_path / "bundle"),
        "SAMPLE": str(tmp_path / "sample.jpeg"),
        "WORKERS": "1",
    }
    others = {k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "PNEUMO_"))}
    process = subprocess.Popen(
        [sys.executable, str(STAND_INS)],
        env=others | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process, data
    Supervisord(data).stop()
    process.kill()
    process.communicate()


def test_the_stacks_data_folder_is_closed_to_others_and_so_is_all_that_is_in_it(stack):
    process, data = stack
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C stops everything" in line:
            break
    assert "Ctrl-C stops everything" in printed, printed
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert "(mode 0755); it is 0700 now" in " ".join(printed.split())
    assert list(data.rglob("*.log")), "no segment was looked at"
    assert open_to_others(data) == []
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 0


async def test_a_registrys_database_and_images_are_for_its_user_alone(kafka_settings, tmp_path):
    (port,) = free_ports(1)
    data = tmp_path / "registry"
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_PORT": str(port),
        "PNEUMO_REGISTRY_DATA_DIR": str(data),
    }
    with running("registry", port, env, tmp_path / "registry.log") as registry:
        await asyncio.to_thread(registry.wait_ready)
        await upload(kafka_settings)
        image = f"{registry.url}/v1/dataset/images/{sha256_hex(CONTENT)}"
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(90):
            while (await http.get(image)).status_code != 200:
                await asyncio.sleep(0.05)
        assert open_to_others(data) == []


async def upload(kafka_settings):
    headers = UploadHeaders(id="u", label="NORMAL", content_type="image/png")
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        await producer.send_and_wait(
            f"{kafka_settings.topic_prefix}{UPLOADS_LABELLED.name}",
            key=sha256_hex(CONTENT).encode(),
            value=CONTENT,
            headers=headers.encode(),
        )
