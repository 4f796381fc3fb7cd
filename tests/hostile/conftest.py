"""Services as processes of their own, for those who try to break them."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.ports import free_ports
from shared.bundle_files import read_manifest
from shared.contracts.models import ModelRecord
from shared.testing.processes import running

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"
DIGEST = "a" * 64


@pytest.fixture
def faulty_worker(kafka_settings, tmp_path):
    """Runs a worker without an engine that does what marked images ask for."""
    cache = tmp_path / "cache"
    shutil.copytree(BUNDLE, cache / DIGEST)
    manifest = read_manifest(BUNDLE)
    record = ModelRecord(
        name="pneumonia",
        version=manifest.version,
        state="current",
        created_at_ms=0,
        bundle_sha256=DIGEST,
        manifest=manifest,
    )
    (cache / "current.json").write_bytes(record.to_bytes())

    @contextmanager
    def run(**env):
        port, nobody = free_ports(2)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
            "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{nobody}",
            "PNEUMO_WORKER_PORT": str(port),
            "PNEUMO_WORKER_ID": "worker-0",
            "PNEUMO_WORKER_CACHE_DIR": str(cache),
            "PNEUMO_WORKER_FAULTS": "1",
            "PNEUMO_WORKER_SIMULATED_MS": "1",
        }
        with running("inference_worker", port, settings | env, tmp_path / "w.log") as process:
            yield process

    return run


@pytest.fixture
def run_keyed_gateway(kafka_settings, tmp_path):
    """Runs a gateway that asks for keys and knows these."""

    @contextmanager
    def run(keys=()):
        (port,) = free_ports(1)
        file = tmp_path / "keys.json"
        file.write_text(json.dumps({"keys": list(keys)}))
        file.chmod(0o600)
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
            "PNEUMO_REGISTRY_URL": "http://127.0.0.1:1",
            "PNEUMO_GATEWAY_PORT": str(port),
            "PNEUMO_GATEWAY_KEYS_FILE": str(file),
        }
        with running("gateway", port, env, tmp_path / "gateway.log") as gateway:
            gateway.wait_ready()
            yield gateway

    return run
