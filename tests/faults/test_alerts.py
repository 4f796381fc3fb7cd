"""Five faults under a real Prometheus: the right alert fires, and no wrong one.

The rules are those that are shipped, a tenth as long. Allowed beside the one that names the cause
is only what is as true: an objective that burns, a target that does not answer.
"""

import asyncio
import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from embedded.ports import free_ports
from grafana.time_compression import TimeCompression, compress_rules
from shared.contracts.bundle import GOLDENS_FILE, MANIFEST_FILE
from shared.control_client import new_control_client
from shared.testing.bundles import sha256_hex
from shared.testing.images import new_marked_jpeg
from shared.testing.prometheus import Watch, watched

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
BUNDLE = ROOT / "models" / "baseline"
TENTH = TimeCompression(divisor=10, min_range_ms=6000, min_step_ms=1000)
MEASURED = ROOT / "build" / "alerts.jsonl"
BURNING = {"AvailabilityBudgetBurning", "LatencyBudgetBurning"}

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on PATH"),
]


def watching(system, folder: Path) -> AbstractContextManager[Watch]:
    """Watch all that runs in this system, with what is shipped in a tenth of its time."""
    targets = {
        "gateway": [gateway.address for gateway in system.gateways],
        "inference-worker": [worker.address for worker in system.workers.values()],
        "registry": [f"127.0.0.1:{system.registry_port}"],
    }
    rules = {path.name: compress_rules(path.read_text(), TENTH) for path in RULES.glob("*.yml")}
    (port,) = free_ports(1)
    return watched(targets, rules, folder / "watch", port)


def demand(watch: Watch, alert: str, *, allowed: set[str]) -> None:
    MEASURED.parent.mkdir(parents=True, exist_ok=True)
    with MEASURED.open("a") as stream:
        stream.write(json.dumps({"expected": alert, "fired_after_s": watch.fired}) + "\n")
    assert alert in watch.fired
    assert set(watch.fired) <= {alert} | allowed


async def test_no_worker(system, serving, new_load, tmp_path):
    await asyncio.to_thread(serving, system, workers=1)
    with watching(system, tmp_path) as watch:
        async with new_load(system, wait_s=5).running():
            await watch.until_healthy()
            await asyncio.to_thread(system.workers["worker-0"].stop)
            await watch.until_fires("NoReadyWorker")
    demand(watch, "NoReadyWorker", allowed=BURNING | {"ServiceDown"})


async def test_slow_worker(system, serving, new_load, tmp_path):
    await asyncio.to_thread(serving, system, workers=1, PNEUMO_WORKER_SIMULATED_MS="300")
    with watching(system, tmp_path) as watch:
        async with new_load(system, rate=1, wait_s=10).running():
            await watch.until_healthy()
            async with new_load(system, rate=20, wait_s=10).running():
                await watch.until_fires("WaitBeyondDeadline")
    demand(watch, "WaitBeyondDeadline", allowed=BURNING | {"AnswersExpiring"})


async def test_broker_stopped(own_broker_system, serving, new_load, tmp_path):
    system, broker = own_broker_system
    await asyncio.to_thread(serving, system, workers=1)
    with watching(system, tmp_path) as watch:
        async with new_load(system, wait_s=5).running():
            await watch.until_healthy()
            await asyncio.to_thread(broker.stop)
            await watch.until_fires("BrokerUnreachable")
            await asyncio.to_thread(broker.start)
    demand(watch, "BrokerUnreachable", allowed=BURNING)


async def test_poison_flood(system, serving, new_load, tmp_path):
    await asyncio.to_thread(serving, system, workers=1)
    with watching(system, tmp_path) as watch:
        async with new_load(system).running():
            await watch.until_healthy()
            poison = new_load(system, rate=5)
            poison.images = [new_marked_jpeg("raise")]
            async with poison.running():
                await watch.until_fires("DeadLettersGrowing")
    demand(watch, "DeadLettersGrowing", allowed=BURNING)


async def test_refused_model(system, serving, new_load, tmp_path):
    # A real engine: one that is simulated reproduces no goldens, and checks none.
    await asyncio.to_thread(serving, system, workers=1, PNEUMO_WORKER_FAULTS="0")
    with watching(system, tmp_path) as watch:
        async with new_load(system).running():
            await watch.until_healthy()
            await _promote_another_networks_goldens(system, tmp_path)
            await watch.until_fires("SwapRefused")
    demand(watch, "SwapRefused", allowed=BURNING)


async def _promote_another_networks_goldens(system, folder: Path) -> None:
    """Have the registry announce a bundle that is whole, and whose engine says something else."""
    with np.load(BUNDLE / GOLDENS_FILE, allow_pickle=False) as goldens:
        arrays = {name: goldens[name] for name in goldens.files}
    arrays["logits"] = -arrays["logits"]
    other = folder / GOLDENS_FILE
    np.savez(other, **arrays)
    digest = sha256_hex(other.read_bytes())
    manifest = json.loads((BUNDLE / MANIFEST_FILE).read_bytes()) | {"version": "other-goldens"}
    manifest["files"][GOLDENS_FILE]["sha256"] = digest
    manifest["files"][GOLDENS_FILE]["size_bytes"] = other.stat().st_size
    async with new_control_client(f"http://127.0.0.1:{system.registry_port}") as control:
        await control.upload_artifact(digest, other)
        record = await control.register(json.dumps(manifest).encode())
        await control.promote(record.version)
