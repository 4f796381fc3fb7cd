"""Each page empty, full, refused and alone: words, never a trace."""

import base64
import io

import pytest
from PIL import Image

from pneumo import UploadedImage, UploadReport
from shared.testing.images import new_jpeg

ANSWER = {
    "id": "01",
    "label": "viral",
    "confidence": 0.7,
    "probabilities": {"NORMAL": 0.1, "viral": 0.9},
    "model": {"name": "pneumonia", "version": "2026.01.01-000000"},
}
STATUS = {
    "uptime_seconds": 61.0,
    "num_predictions": 1234,
    "broker": {"reachable": True},
    "workers": [],
}
CURRENT = {"name": "pneumonia", "version": "1", "classes": ["NORMAL", "viral"], "workers": []}
DICOM = bytes(128) + b"DICM" + bytes(40)
AWAY = (503, "registry_unavailable", "The registry does not answer.")


def told(page) -> str:
    kinds = ("title", "error", "warning", "info", "success", "markdown", "caption", "subheader")
    return "\n".join(str(each.value) for kind in kinds for each in getattr(page, kind))


@pytest.mark.parametrize("name", ["retrain", "insights", "status"])
def test_a_gateway_that_is_away_is_said_plainly(name, open_page, nobody):
    page = open_page(name, nobody)
    assert not page.exception
    assert "Cannot reach the gateway." in told(page)
    assert "Retrying every two seconds" in told(page)


@pytest.mark.parametrize("name", ["predict", "retrain", "insights", "status"])
def test_an_address_that_is_no_gateways_is_said_plainly(name, open_page, gateway):
    for path in ("/status", "/v1/models/current", "/v1/dataset", "/v1/dataset/insights"):
        gateway.answers["GET", path] = (200, {"hello": "world"})
    page = open_page(name, gateway.url)
    assert not page.exception
    assert name == "predict" or "does not look like a PneumoStream gateway" in told(page)


def test_predict_begins_empty_and_asks_nobody(open_page, gateway):
    page = open_page("predict", gateway.url)
    assert "No image yet." in told(page)
    assert not gateway.asked


def test_pictures_are_asked_about_once_and_a_slider_asks_nobody(open_page, gateway):
    grid = [[0.0, 1.0], [0.0, 0.0]]
    overlay = {"base64": _png()}
    explanation = {"class": "viral", "grid": grid, "logits": {}, "overlay": overlay}
    gateway.answers["POST", "/v1/predictions"] = (200, ANSWER | {"explanation": explanation})
    page = open_page("predict", gateway.url)
    page.file_uploader[0].upload("a.jpeg", new_jpeg(), "image/jpeg")
    page.run()
    assert "viral · 70.0 %" in told(page)
    assert "strongest in the upper right" in told(page)
    page.slider[0].set_value(20).run()
    assert gateway.asked["POST", "/v1/predictions"] == 1
    assert not page.exception


def test_a_dicom_file_is_drawn_by_the_gateways_preview(open_page, gateway):
    preview = {"content_type": "image/png", "width": 4, "height": 4, "base64": _png()}
    gateway.answers["POST", "/v1/predictions"] = (200, ANSWER)
    page = open_page("predict", gateway.url)
    page.file_uploader[0].upload("a.dcm", DICOM, "application/dicom")
    page.run()
    assert "sent no image of it" in told(page)
    gateway.answers["POST", "/v1/predictions"] = (200, ANSWER | {"preview": preview})
    page = open_page("predict", gateway.url)
    page.file_uploader[0].upload("a.dcm", DICOM, "application/dicom")
    page.run()
    assert not page.exception
    assert "sent no image of it" not in told(page)
    assert "cannot be drawn" not in told(page)


def test_an_answer_out_of_domain_is_not_called_calibrated(open_page, gateway):
    gateway.answers["POST", "/v1/predictions"] = (200, ANSWER | {"in_domain": False})
    page = open_page("predict", gateway.url)
    page.file_uploader[0].upload("a.jpeg", new_jpeg(), "image/jpeg")
    page.run()
    assert "alibrated probability" not in told(page)
    assert "Do not use this answer." in told(page)


def test_a_bad_file_gets_the_gateways_own_words_and_a_second_try(open_page, gateway):
    gateway.problem("POST", "/v1/predictions", 422, "undecodable", "The image is cut short.")
    page = open_page("predict", gateway.url)
    page.file_uploader[0].upload("a.jpeg", b"x", "image/jpeg")
    page.run()
    assert "The image is cut short. (undecodable)" in told(page)
    gateway.answers["POST", "/v1/predictions"] = (200, ANSWER)
    page.button(key="predict-again").click().run()
    assert "viral · 70.0 %" in told(page)


def test_predictions_go_on_without_the_registry_and_the_rest_says_so(open_page, gateway):
    for path in ("/v1/dataset", "/v1/jobs", "/v1/models"):
        gateway.problem("GET", path, *AWAY)
    gateway.answers["GET", "/v1/models/current"] = (200, CURRENT)
    page = open_page("retrain", gateway.url)
    assert told(page).count("The registry does not answer.") == 4
    assert "still work" in told(page)
    assert page.selectbox[0].options == ["NORMAL", "viral"]


def test_a_key_that_does_not_open_a_page_is_named(open_page, gateway):
    gateway.problem("GET", "/status", 403, "forbidden", "The key lacks the scope.")
    page = open_page("status", gateway.url)
    assert "The key lacks the scope." in told(page)
    assert "PNEUMO_API_KEY" in told(page)


def test_status_tells_what_an_older_gateway_tells(open_page, gateway):
    gateway.answers["GET", "/status"] = (200, STATUS)
    page = open_page("status", gateway.url)
    assert {metric.label: metric.value for metric in page.metric} == {
        "Up for": "1 min 1 s",
        "Predictions served": "1,234",
        "Throughput": "–",
        "Last retrain": "never",
        "Current model": "–",
    }
    assert "No worker is ready" in told(page)


def test_insights_of_an_empty_data_set_say_where_to_begin(open_page, gateway):
    gateway.answers["GET", "/v1/dataset/insights"] = (200, {"images": 0})
    assert "No labelled image yet" in told(open_page("insights", gateway.url))


def test_a_training_that_cannot_begin_says_why(open_page, gateway):
    gateway.answers["GET", "/v1/models/current"] = (200, CURRENT)
    gateway.answers["GET", "/v1/jobs"] = (200, {"jobs": []})
    gateway.answers["GET", "/v1/models"] = (200, {"models": []})
    empty = {"total": 0, "by_class": {}, "by_source": {}, "conflicts": 0}
    gateway.answers["GET", "/v1/dataset"] = (200, empty)
    gateway.problem("POST", "/v1/jobs", 422, "too_few_data", "Twenty new images are the least.")
    page = open_page("retrain", gateway.url)
    start = next(button for button in page.button if button.label == "Start training")
    start.click().run()
    assert "Twenty new images are the least. (too_few_data)" in told(page)


@pytest.mark.parametrize(
    ("offered", "choices"), [(None, ["fast", "full"]), (["fast"], ["fast"]), (["full"], None)]
)
def test_full_is_offered_unless_trainers_are_known_to_lack_it(open_page, gateway, offered, choices):
    gateway.answers["GET", "/v1/jobs"] = (200, {"jobs": [], "modes": offered})
    page = open_page("retrain", gateway.url)
    assert page.radio(key="job-mode").options == (choices or ["fast", "full"])
    assert ("Mode full is not available" in told(page)) == (choices == ["fast"])


def test_a_conflict_is_decided_on_the_page(open_page, gateway):
    image = {
        "sha256": "ab" * 32,
        "label": "NORMAL",
        "source": "ui",
        "content_type": "image/jpeg",
        "size_bytes": 1,
        "created_at_ms": 1,
        "conflict": ["viral"],
    }
    counts = {"total": 1, "by_class": {"NORMAL": 1}, "by_source": {"ui": 1}, "conflicts": 1}
    gateway.answers["GET", "/v1/dataset"] = (200, counts)
    gateway.answers["GET", "/v1/dataset/images"] = (200, {"images": [image], "next": None})
    gateway.answers["PATCH", f"/v1/dataset/images/{'ab' * 32}"] = (200, image)
    page = open_page("retrain", gateway.url)
    choice = page.selectbox(key=f"conflict-{'ab' * 32}")
    assert choice.options == ["NORMAL", "viral"]
    assert page.button(key=f"decide-{'ab' * 32}").disabled
    choice.select("viral").run()
    page.button(key=f"decide-{'ab' * 32}").click().run()
    assert gateway.asked["PATCH", f"/v1/dataset/images/{'ab' * 32}"] == 1


def test_the_last_upload_is_taken_back_after_a_question(open_page, gateway):
    gateway.answers["GET", "/v1/models/current"] = (200, CURRENT)
    gateway.answers["DELETE", "/v1/dataset/images"] = (200, {"deleted": 1, "left": 0})
    taken = UploadedImage(id="i", sha256="ab" * 32, label="viral", upload_id="u-1")
    page = open_page("retrain", gateway.url)
    page.session_state["upload-report"] = UploadReport(accepted=(taken,))
    page.run()
    _button(page, "Take the last upload back").click().run()
    assert not gateway.asked["DELETE", "/v1/dataset/images"]
    _button(page, "Delete them").click().run()
    assert gateway.asked["DELETE", "/v1/dataset/images"] == 1
    assert "images deleted: 1" in told(page)
    assert not [each for each in page.button if each.label == "Take the last upload back"]


def _button(page, label):
    return next(each for each in page.button if each.label == label)


def test_a_bug_in_a_page_costs_its_own_part_and_shows_no_trace(open_page, gateway, monkeypatch):
    def broken(status):
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr("ui.screens.status.headline", broken)
    gateway.answers["GET", "/status"] = (200, STATUS)
    page = open_page("status", gateway.url)
    assert not page.exception
    assert "because of an error in the UI" in told(page)
    assert "secret" not in told(page)


def _png() -> str:
    body = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 90)).save(body, "PNG")
    return base64.b64encode(body.getvalue()).decode()
