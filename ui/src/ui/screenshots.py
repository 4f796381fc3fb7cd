"""`python -m ui.screenshots FOLDER SAMPLE`: pictures of the pages of a UI that runs, for the docs.

Needs Playwright and Chromium, which only developers have. Shows what the system holds: take them
from one that has seen nothing but the composites of samples/.
"""

import os
import shutil
import sys
from pathlib import Path

from ui.settings import Settings

_WIDTH_PX, _HEIGHT_PX = 1280, 900
_PAGES = ("retrain", "status")


def main(folder: Path, sample: Path) -> None:
    """Write one PNG a page."""
    # A developer's tool: the UI itself runs without it.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    url = f"http://127.0.0.1:{Settings().port}"
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        page = browser.new_page(
            viewport={"width": _WIDTH_PX, "height": _HEIGHT_PX}, color_scheme="light"
        )

        def keep(name: str) -> None:
            page.wait_for_selector('[data-test-script-state="notRunning"]')
            page.wait_for_timeout(2_000)
            main_ = "document.querySelector('[data-testid=stMain]')"
            height = min(2_400, int(page.evaluate(f"{main_}.scrollHeight")) + 140)
            page.set_viewport_size({"width": _WIDTH_PX, "height": height})
            page.wait_for_timeout(1_000)
            page.screenshot(path=folder / f"ui-{name}.png")
            page.set_viewport_size({"width": _WIDTH_PX, "height": _HEIGHT_PX})

        page.goto(url)
        page.set_input_files('input[type="file"]', sample)
        page.get_by_text("Opacity of the heat map").wait_for()
        keep("predict")
        for name in _PAGES:
            page.goto(f"{url}/{name}")
            page.get_by_role("heading", level=1).wait_for()
            keep(name)
        page.goto(f"{url}/insights")
        keep("insights-data")
        page.get_by_role("button", name="A model").or_(
            page.get_by_role("radio", name="A model")
        ).first.click()
        keep("insights-model")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004  the command and its two arguments
        raise SystemExit("Usage: python -m ui.screenshots FOLDER SAMPLE")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
