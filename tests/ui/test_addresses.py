"""Every page opens by its address, on a UI process that has served nothing before."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from embedded.ports import free_ports
from shared.testing.processes import ServiceProcess, running

TIMEOUT_MS = 60_000


@pytest.fixture
def start_ui(tmp_path) -> Iterator:
    """Give a function that starts the UI on one port; no gateway listens."""
    port, gateway_port = free_ports(2)
    env = {"PNEUMO_UI_PORT": str(port), "PNEUMO_URL": f"http://127.0.0.1:{gateway_port}"}
    with ExitStack() as processes:

        def start() -> ServiceProcess:
            process = processes.enter_context(running("ui", port, env, tmp_path / "ui.log"))
            process.wait_ready("/_stcore/health")
            return process

        yield start


@pytest.mark.parametrize("title", ["Predict", "Retrain", "Insights", "Status"])
def test_a_page_opens_by_its_address_on_a_fresh_process(title, start_ui, browser: Browser):
    ui = start_ui()
    page = browser.new_page()
    page.goto(f"{ui.url}/{title.lower()}")
    heading = page.get_by_role("heading", name=title, level=1)
    expect(heading).to_be_visible(timeout=TIMEOUT_MS)
    expect(page).to_have_title(f"{title} · PneumoStream")


def test_an_open_tab_survives_a_restart_of_the_ui(start_ui, browser: Browser):
    ui = start_ui()
    page = browser.new_page()
    page.goto(f"{ui.url}/status")
    heading = page.get_by_role("heading", name="Status", level=1)
    expect(heading).to_be_visible(timeout=TIMEOUT_MS)
    ui.stop()
    start_ui()
    page.reload()
    expect(heading).to_be_visible(timeout=TIMEOUT_MS)
