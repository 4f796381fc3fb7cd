"""The real UI over the real system, and a browser: the system's Chromium, or Playwright's own.

No browser fails the tests: a check that nobody runs says nothing. PNEUMO_NO_BROWSER=1 skips them,
aloud, where there can be none.
"""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from embedded.ports import free_ports
from shared.testing.browsers import launch_chromium
from shared.testing.images import new_variant
from shared.testing.processes import ServiceProcess, running

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
ARTIFACTS = ROOT / ".artifacts" / "ui"


@dataclass(frozen=True)
class UiStack:
    """url: of the UI. gateway, registry: processes behind it; start_gateway: once it was killed."""

    url: str
    gateway: ServiceProcess
    registry: ServiceProcess
    start_gateway: Callable[[], ServiceProcess]


@pytest.fixture
def ui_stack(kafka_settings, tmp_path) -> Iterator[UiStack]:
    """Start registry, gateway, one worker, a trainer and the UI, each a process."""
    registry_port, gateway_port, worker_port, trainer_port, ui_port = free_ports(5)
    shared = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry_port}",
    }
    registry_env = {
        "PNEUMO_REGISTRY_PORT": str(registry_port),
        "PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry"),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(ROOT / "models" / "baseline"),
    }
    worker_env = {
        "PNEUMO_WORKER_PORT": str(worker_port),
        "PNEUMO_WORKER_ID": "worker-0",
        "PNEUMO_WORKER_CACHE_DIR": str(tmp_path / "worker"),
    }
    trainer_env = {
        "PNEUMO_TRAINER_PORT": str(trainer_port),
        "PNEUMO_TRAINER_CACHE_DIR": str(tmp_path / "trainer"),
    }
    ui_env = {
        "PNEUMO_URL": f"http://127.0.0.1:{gateway_port}",
        "PNEUMO_UI_PORT": str(ui_port),
    }
    with ExitStack() as parts:

        def start(package: str, port: int, env: dict[str, str]) -> ServiceProcess:
            log = tmp_path / f"{package}.log"
            return parts.enter_context(running(package, port, shared | env, log))

        def start_gateway() -> ServiceProcess:
            return start("gateway", gateway_port, {"PNEUMO_GATEWAY_PORT": str(gateway_port)})

        registry, gateway = start("registry", registry_port, registry_env), start_gateway()
        worker = start("inference_worker", worker_port, worker_env)
        trainer = start("trainer", trainer_port, trainer_env)
        ui = start("ui", ui_port, ui_env)
        for service in (registry, gateway, worker, trainer):
            service.wait_ready()
        ui.wait_ready("/_stcore/health")
        yield UiStack(ui.url, gateway, registry, start_gateway)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch_chromium(playwright)
        yield opened
        opened.close()


@pytest.fixture
def ten_viral(tmp_path) -> list[Path]:
    """Give ten labelled pictures for the form."""
    viral = next(sample for sample in SAMPLES if sample.name.startswith("viral"))
    paths = [tmp_path / f"viral-{n}.jpeg" for n in range(10)]
    for n, path in enumerate(paths):
        path.write_bytes(new_variant(viral, n))
    return paths


@pytest.fixture
def labelled_zip(tmp_path) -> Path:
    """Give a ZIP of sixty, a folder a class, and of one file that is no image."""
    path = tmp_path / "labelled.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(60):
            sample = SAMPLES[n % len(SAMPLES)]
            label = sample.name.split("-")[0]
            archive.writestr(f"{label}/{n}.jpeg", new_variant(sample, 100 + n))
        archive.writestr("NORMAL/notes.txt", "no image")
    return path


@pytest.fixture
def samples() -> list[Path]:
    return SAMPLES


@pytest.fixture
def artifacts() -> Path:
    """Give the folder in which pictures of the pages stay, for people to look at."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS
