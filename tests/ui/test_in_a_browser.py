"""A person's way through the UI: predict, teach, watch, promote, see it served.

On every page axe looks for faults of accessibility, wide and narrow, in light and dark; nothing may
be asked of another server, and nothing may be said on the console.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

AXE = next(Path(axe_core_python.__file__).parent.rglob("axe.min.js")).read_text()
GRAVE = ("serious", "critical")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 24, 31)"}
PATIENCE_MS = 120_000
JOB_MS = 400_000
DISCLAIMER = "no answer is a diagnosis"
# Streamlit fades whatever a running script has not drawn again yet, and some pages ask again every
# two seconds: on a busy machine axe met text at a third of its opacity. What is judged is the page.
NO_FADING = """
document.addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = "[data-stale] { opacity: 1 !important; transition: none !important; }";
    document.head.append(style);
});
"""
STILL = """
() => document.getAnimations().every(
    (one) => one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity
)
"""


class Visitor:
    """A page of the UI, what its console said, and what it asked of others."""

    def __init__(self, page: Page, url: str, artifacts: Path) -> None:
        self.page = page
        self.url = url
        self.artifacts = artifacts
        self.complaints: list[str] = []
        page.add_init_script(NO_FADING)
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._on_request(request.url))

    def _on_console(self, message) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"asked of another: {url}")

    def open(self) -> None:
        self.page.goto(self.url)
        self.settle()

    def settle(self) -> None:
        """Return once everything is drawn, and nothing moves."""
        self.page.wait_for_selector('[data-test-script-state="notRunning"]')
        self.page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(STILL)

    def go(self, name: str) -> None:
        link = self.page.get_by_role("link", name=name)
        if not link.first.is_visible():
            self.page.get_by_test_id("stExpandSidebarButton").click()
        link.first.click()
        expect(self.page.get_by_role("heading", name=name, level=1)).to_be_visible()
        close = self.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button")
        if self.page.viewport_size == NARROW and close.is_visible():
            close.click()
        self.settle()

    def look(self, name: str) -> None:
        """Keep a picture of the page, wide and narrow; axe examines both, in light and dark."""
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            self.page.set_viewport_size(size)
            self.settle()
            expect(self.page.get_by_text(DISCLAIMER)).to_be_in_viewport()
            assert self._overflow_px() <= 0, f"{name} is wider than {size['width']} px"
            for scheme in ("dark", "light"):
                self.page.emulate_media(color_scheme=scheme)
                expect(self.page.get_by_test_id("stApp")).to_have_css(
                    "background-color", GROUNDS[scheme]
                )
                self.settle()
                assert self._faults() == [], f"{name}, {width}, {scheme}"
            self._picture(f"{name}-{width}", size)
        self.page.set_viewport_size(WIDE)
        self.settle()

    def _picture(self, name: str, size: dict[str, int]) -> None:
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": height + 140})
        self.settle()
        self.page.screenshot(path=self.artifacts / f"{name}.png")
        self.page.set_viewport_size(size)

    def _overflow_px(self) -> int:
        main = "document.querySelector('[data-testid=stMain]')"
        return self.page.evaluate(f"{main}.scrollWidth - {main}.clientWidth")

    def _faults(self) -> list[str]:
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{fault['id']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found["violations"]
            if fault["impact"] in GRAVE
        ]


@pytest.fixture
def visitor(ui_stack, browser: Browser, artifacts) -> Iterator[Visitor]:
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    visitor = Visitor(context.new_page(), ui_stack.url, artifacts)
    yield visitor
    context.close()


def test_from_a_picture_to_a_model_that_was_promoted(visitor, samples, ten_viral, labelled_zip):
    page = visitor.page
    visitor.open()
    visitor.look("predict-empty")
    _predict(visitor, samples)
    visitor.go("Retrain")
    visitor.look("retrain-empty")
    visitor.go("Predict")
    expect(page.get_by_role("row").filter(has_text=Path(__file__).name)).to_be_visible()
    visitor.go("Retrain")
    _upload_form(visitor, ten_viral)
    _upload_zip(visitor, labelled_zip)
    _train(visitor)
    version = _promote(visitor)
    visitor.go("Insights")
    expect(page.get_by_role("heading", name="Edge density")).to_be_visible()
    visitor.look("insights-data")
    page.get_by_text("A model", exact=True).click()
    expect(page.get_by_role("heading", name="Threshold explorer")).to_be_visible()
    visitor.look("insights-model")
    visitor.go("Status")
    served = page.get_by_role("row").filter(has_text="worker-0").filter(has_text=version)
    expect(served).to_be_visible(timeout=PATIENCE_MS)
    visitor.look("status")
    page.set_viewport_size(NARROW)
    visitor.settle()
    assert _cut_metrics(page) == []
    assert visitor.complaints == []


def _cut_metrics(page: Page) -> list[str]:
    """Return the metrics whose value is wider than the box it is in."""
    return page.evaluate(
        """() => [...document.querySelectorAll("[data-testid=stMetricValue] *")]
            .filter((part) => part.scrollWidth > part.clientWidth && part.clientWidth > 0)
            .map((part) => part.textContent)"""
    )


def _answer_lies_above_the_image(page: Page, name: str) -> bool:
    answer = page.get_by_role("heading", name=re.compile("viral ·")).bounding_box()
    image = page.get_by_role("img", name=name).bounding_box()
    assert answer is not None
    assert image is not None
    return answer["y"] + answer["height"] <= image["y"]


def _predict(visitor: Visitor, samples: list[Path]) -> None:
    page = visitor.page
    viral = next(sample for sample in samples if sample.name.startswith("viral"))
    page.set_input_files('input[type="file"]', viral)
    expect(page.get_by_role("heading", name="viral")).to_be_visible()
    expect(page.get_by_text("strongest in the")).to_be_visible()
    # A key that is pressed while the page is still drawn again may be lost.
    visitor.settle()
    before = page.get_by_role("img", name=viral.name).get_attribute("src")
    slider = page.get_by_role("slider", name="Opacity")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("img", name=viral.name)).not_to_have_attribute("src", before)
    visitor.settle()
    visitor.look("predict-one")
    page.set_viewport_size(NARROW)
    visitor.settle()
    assert _answer_lies_above_the_image(page, viral.name)
    page.set_viewport_size(WIDE)
    visitor.settle()
    page.set_input_files('input[type="file"]', [*samples, Path(__file__)])
    expect(page.get_by_role("row").filter(has_text=Path(__file__).name)).to_contain_text(
        "unsupported_media_type"
    )
    expect(page.get_by_text("1 file has no answer:")).to_be_visible()
    visitor.settle()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 1 + 1 + len(samples) + 1  # a header, the first picture, these, this file
    visitor.look("predict-many")


def _upload_form(visitor: Visitor, pictures: list[Path]) -> None:
    page = visitor.page
    page.get_by_role("combobox", name="Class").fill("viral")
    page.keyboard.press("Enter")
    visitor.settle()
    page.locator('input[type="file"]').first.set_input_files(pictures)
    page.get_by_role("button", name="Upload images").click()
    expect(page.get_by_text("10 images taken.")).to_be_visible()


def _upload_zip(visitor: Visitor, archive: Path) -> None:
    page = visitor.page
    page.get_by_role("tab", name="A ZIP").click()
    # What is chosen while the page is still drawn again may be lost.
    visitor.settle()
    page.locator('input[type="file"]').last.set_input_files(archive)
    expect(page.get_by_text(archive.name)).to_be_visible()
    page.get_by_role("button", name="Upload ZIP").click()
    expect(page.get_by_text("60 images taken, 1 file refused.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="notes.txt")).to_be_visible()
    visitor.settle()


def _train(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="Refresh counts").click()
    expect(page.get_by_text("70 images in 3 classes.")).to_be_visible()
    visitor.settle()
    page.get_by_role("button", name="Start training").click()
    standing = re.compile(r"Job \w+ \(fast\) (waits|is)")
    expect(page.get_by_text(standing).first).to_be_visible()
    expect(page.get_by_role("heading", name="Gate: current model and candidate")).to_be_visible(
        timeout=JOB_MS
    )
    expect(page.get_by_text("It waits to be promoted.")).to_be_visible()
    visitor.settle()
    visitor.look("retrain-judged")


def _promote(visitor: Visitor) -> str:
    page = visitor.page
    row = page.get_by_role("row").filter(has_text="candidate").filter(has_text="NORMAL")
    version = row.first.get_by_role("cell").first.inner_text()
    page.get_by_role("button", name="Promote", exact=False).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(version)
    assert visitor._faults() == []
    dialog.get_by_role("button", name=f"Promote {version}").click()
    expect(page.get_by_text(f"{version} is current now.")).to_be_visible()
    visitor.settle()
    return version


def test_a_gateway_that_comes_back_is_noticed_by_itself(visitor, ui_stack):
    page = visitor.page
    ui_stack.registry.kill()
    visitor.open()
    visitor.go("Status")
    expect(page.get_by_text("Predictions served")).to_be_visible()
    ui_stack.gateway.kill()
    expect(page.get_by_text("Cannot reach the gateway.")).to_be_visible()
    visitor.look("gateway-away")
    ui_stack.start_gateway()
    expect(page.get_by_text("Predictions served")).to_be_visible(timeout=PATIENCE_MS)
    assert visitor.complaints == []
