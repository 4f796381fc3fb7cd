"""A real browser: the system's Chromium, or Playwright's own."""

import os
import shutil

import pytest
from playwright.sync_api import Browser, Error, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def launch_chromium(playwright: Playwright, *arguments: str) -> Browser:
    """Start Chromium. Without one the test fails, unless PNEUMO_NO_BROWSER=1 skips it, aloud."""
    if os.environ.get("PNEUMO_NO_BROWSER") == "1":
        pytest.skip("NOT tried in a browser: PNEUMO_NO_BROWSER=1.")
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    # Of root, and in many containers, Chromium's own sandbox refuses to start.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        return playwright.chromium.launch(executable_path=found, args=[*sandbox, *arguments])
    except Error as error:
        pytest.fail(
            "No Chromium: install it (Debian and Ubuntu: apt install chromium; else playwright "
            f"install chromium), or say PNEUMO_NO_BROWSER=1.\n{error.message.splitlines()[0]}",
            pytrace=False,
        )
