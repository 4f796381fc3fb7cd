"""Variables of a stack of its own: free ports, a folder, a bundle and a sample."""

import os
from pathlib import Path

import pytest

from embedded.ports import free_ports


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    names = (
        "GATEWAY",
        "REGISTRY",
        "TRAINER",
        "KAFKA",
        "KAFKA_CONTROLLER",
        "WORKER",
        "PROMETHEUS",
        "UI",
    )
    ports = zip(names, free_ports(len(names)), strict=True)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    (tmp_path / "sample.jpeg").write_bytes(b"not looked at by a stand-in")
    own = {f"PNEUMO_{name}_PORT": str(port) for name, port in ports}
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "PNEUMO_"))},
        **own,
        "PNEUMO_DATA": str(tmp_path / "data"),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(tmp_path / "bundle"),
        "SAMPLE": str(tmp_path / "sample.jpeg"),
        "WORKERS": "1",
    }


@pytest.fixture
def on_shared_broker(environment: dict[str, str], kafka_broker: str) -> dict[str, str]:
    """Give the environment of a stack that uses the tests' broker: it starts in two seconds."""
    return environment | {"KAFKA_BOOTSTRAP_SERVERS": kafka_broker}
