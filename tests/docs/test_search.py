"""The site as a reader has it: opened from the disk, in a browser, without a network."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="needs the program chromium")
def test_search_finds_pages_from_the_disk_and_nothing_is_asked_of_a_network(site):
    asked = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{site}/index.html")
        page.fill("[data-md-component=search-query]", "tombstone")
        found = page.locator("a.md-search-result__link").first
        found.wait_for(state="attached", timeout=30_000)
        leads_to = found.get_attribute("href")
        browser.close()
    assert leads_to.startswith("file://"), leads_to
    assert ".html" in leads_to
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
