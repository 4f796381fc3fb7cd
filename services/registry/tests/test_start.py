import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from registry.adapters.publisher_memory import MemoryBroker
from registry.ports import StartError
from registry.settings import Settings
from shared.contracts.models import ModelPromoted
from shared.testing.bundles import write_bundle

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]


async def _events(broker: MemoryBroker, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(broker.records) < count:
            await asyncio.sleep(0.01)
    return [ModelPromoted.model_validate_json(value or b"").version for *_, value in broker.records]


async def test_the_seed_bundle_is_imported_and_promoted_once(
    registry: Registry, broker: MemoryBroker, tmp_path: Path
) -> None:
    manifest = write_bundle(tmp_path / "seed", version="base-1")
    async with registry(seed_bundle=tmp_path / "seed") as http:
        current = (await http.get("/v1/models/current")).json()
        assert (current["version"], current["state"]) == ("base-1", "current")
        for name in manifest.files:
            file = await http.get(f"/v1/models/base-1/files/{name}")
            assert file.content == (tmp_path / "seed" / name).read_bytes()
        assert await _events(broker, 1) == ["base-1"]
    async with registry(seed_bundle=tmp_path / "seed") as http:
        assert (await http.get("/v1/models/current")).json() == current
        assert len((await http.get("/v1/models")).json()["models"]) == 1


async def test_a_seed_never_replaces_a_current_model(
    registry: Registry, add_model: AddModel, tmp_path: Path
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
        await http.post("/v1/models/v1/promote")
    write_bundle(tmp_path / "seed", version="base-2")
    for seed in (tmp_path / "seed", tmp_path / "missing"):
        async with registry(seed_bundle=seed) as http:
            assert [m["version"] for m in (await http.get("/v1/models")).json()["models"]] == ["v1"]


async def test_every_start_announces_the_current_model_and_no_other(
    registry: Registry, add_model: AddModel, broker: MemoryBroker
) -> None:
    async with registry() as http:
        for version in ("v1", "v2"):
            await add_model(http, version)
            await http.post(f"/v1/models/{version}/promote")
        assert await _events(broker, 2) == ["v1", "v2"]
    topic_lost = broker.records.copy()
    broker.records.clear()
    async with registry():
        assert await _events(broker, 1) == ["v2"]
        await asyncio.sleep(0.05)
    assert broker.records == topic_lost[1:]  # to the byte, so readers know it for the same


async def test_events_of_before_go_out_at_the_next_start(
    registry: Registry, add_model: AddModel, broker: MemoryBroker
) -> None:
    broker.is_reachable = False
    async with registry() as http:
        for version in ("v1", "v2"):
            await add_model(http, version)
            await http.post(f"/v1/models/{version}/promote")
    assert broker.records == []
    broker.is_reachable = True
    async with registry():
        assert await _events(broker, 2) == ["v1", "v2"]
        await asyncio.sleep(0.05)
    assert len(broker.records) == 2


async def test_a_second_registry_over_the_same_folder_does_not_start(registry: Registry) -> None:
    async with registry():
        with pytest.raises(StartError, match="Another registry already uses"):
            async with registry():
                pass


async def test_a_start_without_a_seed_serves_an_empty_registry(registry: Registry) -> None:
    async with registry() as http:
        assert (await http.get("/health/ready")).status_code == 200
        assert (await http.get("/v1/models")).json() == {"models": []}


def _damage_weights(seed: Path) -> None:
    (seed / "model.bin").write_bytes(b"!")


def _damage_manifest(seed: Path) -> None:
    (seed / "manifest.json").write_bytes(b"{")


def _remove_weights(seed: Path) -> None:
    (seed / "model.bin").unlink()


def _remove_all(seed: Path) -> None:
    for path in seed.iterdir():
        path.unlink()
    seed.rmdir()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_damage_weights, "model.bin does not match its sha256"),
        (_damage_manifest, "is not a valid manifest"),
        (_remove_weights, "model.bin is missing"),
        (_remove_all, "holds no manifest.json"),
    ],
)
async def test_a_seed_that_is_not_whole_stops_the_start(
    registry: Registry, tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    write_bundle(tmp_path / "seed")
    damage(tmp_path / "seed")
    with pytest.raises(StartError, match=says):
        async with registry(seed_bundle=tmp_path / "seed"):
            pass


async def test_a_seed_whose_version_means_another_model_stops_the_start(
    registry: Registry, add_model: AddModel, tmp_path: Path
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
    write_bundle(tmp_path / "seed", version="v1", classes=("a", "b"))
    with pytest.raises(StartError, match="taken by another manifest"):
        async with registry(seed_bundle=tmp_path / "seed"):
            pass


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PNEUMO_REGISTRY_SEED_BUNDLE", "/no/such/bundle", "The seed bundle cannot be used: /no"),
        ("PNEUMO_REGISTRY_DATABASE_URL", "mysql://u:pw@h/d", "must be sqlite:///"),
        ("PNEUMO_REGISTRY_DATA_DIR", "/proc/no", "The data folder /proc/no cannot be used"),
        ("PNEUMO_REGISTRY_PORT", "99999", "wrong settings: port"),
        ("PNEUMO_REGISTRY_FILES_URL", "s3://u:pw@host/d", "wrong settings: files_url"),
    ],
)
def test_a_start_that_cannot_be_is_one_sentence_and_an_exit_code(
    tmp_path: Path, variable: str, value: str, says: str
) -> None:
    env = os.environ | {"PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry"), variable: value}
    ended = subprocess.run(
        [sys.executable, "-m", "registry"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("registry: ")
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "pw" not in ended.stderr


def test_the_schema_can_be_brought_down_for_an_older_release(tmp_path: Path) -> None:
    env = os.environ | {"PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry")}
    command = [sys.executable, "-m", "registry", "downgrade", "base"]
    ended = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path

from registry.adapters import artifacts_disk
from registry.adapters.outbox_relay import OutboxRelay
from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.store.transaction import SqlTransaction
from registry.main import build
from registry.settings import Settings

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

point = sys.argv[1]
if point == "first artifact":
    artifacts_disk.sync_folder = die
elif point == "inside the transaction":
    SqlTransaction.enqueue = die
elif point == "after the commit":
    OutboxRelay.wake = die

async def main():
    settings = Settings(data_dir=Path(sys.argv[2]), seed_bundle=Path(sys.argv[3]))
    async with build(settings, open_publisher=MemoryBroker().open):
        raise SystemExit("the point was never reached")

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["first artifact", "inside the transaction", "after the commit"])
async def test_a_seed_import_killed_anywhere_ends_once(
    registry: Registry, broker: MemoryBroker, settings: Settings, tmp_path: Path, point: str
) -> None:
    write_bundle(tmp_path / "seed", version="base-1")
    command = [sys.executable, "-c", _CHILD, point, str(settings.data_dir), str(tmp_path / "seed")]
    for _ in range(2):
        killed = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        if point == "after the commit":
            break  # the next start finds the model and imports nothing
    async with registry(seed_bundle=tmp_path / "seed") as http:
        models = (await http.get("/v1/models")).json()["models"]
        assert [(m["version"], m["state"]) for m in models] == [("base-1", "current")]
        assert await _events(broker, 1) == ["base-1"]
        await asyncio.sleep(0.05)
        assert len(broker.records) == 1
        # One promotion: there is nothing to go back to.
        assert (await http.post("/v1/models/rollback")).status_code == 409


async def test_the_database_may_lie_elsewhere(registry: Registry, tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    async with registry(database_url=url) as http:
        assert (await http.get("/health/ready")).status_code == 200
    assert (tmp_path / "elsewhere.db").exists()


async def test_a_database_is_not_shared_by_registries_whose_files_lie_apart(
    registry: Registry, tmp_path: Path
) -> None:
    url = SecretStr(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    async with registry(database_url=url) as http:
        async with asyncio.timeout(10):
            while "pneumo_registry_leader 1.0" not in (await http.get("/metrics")).text:
                await asyncio.sleep(0.01)
        with pytest.raises(StartError, match=r"Another registry \(.*\) serves this database"):
            async with registry(database_url=url, data_dir=tmp_path / "other"):
                pass
    async with registry(database_url=url, data_dir=tmp_path / "other") as http:
        assert (await http.get("/health/ready")).status_code == 200
