"""`explain=cam` through the whole system: exact, aligned, kept, and only for those who ask."""

import asyncio
import io
from base64 import b64decode
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import openvino as ov
import pytest
from PIL import Image

from shared.bundle_files import read_manifest
from shared.int8_support import int8_options
from shared.preprocessing import preprocess

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "baseline"
MANIFEST = read_manifest(BUNDLE)
SAMPLES = sorted((ROOT / "samples").glob("*1024px.jpeg"))
WIDE = (420, 300)
_LYING = 6
"""EXIF: stored lying, to be turned by 90° clockwise."""


@pytest.fixture(scope="module")
def ask_graph():
    """The bundle's graph in OpenVINO's own defaults, but in float: calibrated logits of a PNG."""
    options = {"INFERENCE_PRECISION_HINT": "f32"} | int8_options()
    request = ov.Core().compile_model(BUNDLE / "model.xml", "CPU", options).create_infer_request()
    calibration = MANIFEST.calibration

    def ask(picture: Image.Image) -> dict[str, float]:
        request.infer([preprocess(png(picture), MANIFEST.preprocessing)[None]])
        logits = request.get_tensor("logits").data[0] / calibration.temperature
        return dict(zip(MANIFEST.classes, logits + np.array(calibration.bias), strict=True))

    return ask


def png(picture: Image.Image, **options) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", **options)
    return encoded.getvalue()


def wide(sample: Path) -> Image.Image:
    return Image.open(sample).convert("L").resize(WIDE)


def overlay_of(body) -> Image.Image:
    overlay = body["explanation"]["overlay"]
    assert overlay["content_type"] == "image/png"
    return Image.open(io.BytesIO(b64decode(overlay["base64"]))).convert("RGBA")


async def predict(client, image, explain=None, path="/v1/predictions", **headers):
    response = await client.post(
        path,
        files={"file": ("chest.png", image, "image/png")},
        params={} if explain is None else {"explain": explain},
        headers={"Prefer": "wait=40"} | headers,
    )
    return response, response.json()


async def test_a_map_is_exact_and_lies_where_the_evidence_is(stack, ask_graph):
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        for sample in SAMPLES:
            picture = wide(sample)
            (_, plain), (response, told) = [
                await predict(client, png(picture), explain) for explain in (None, "cam")
            ]
            assert "explanation" not in plain
            assert plain["warnings"] == told["warnings"]
            assert told["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-6)
            assert "explain;dur=" in response.headers["Server-Timing"]

            explanation, label = told["explanation"], told["label"]
            assert (explanation["method"], explanation["class"]) == ("cam", label)
            logit = np.mean(explanation["grid"])
            # Told from the answer alone, to the rounding of the grid; and by another engine, which
            # rounds int8 otherwise.
            said = np.array(list(explanation["logits"].values()))
            log_odds = logit - np.log(np.exp(said).sum())
            assert log_odds == pytest.approx(np.log(told["probabilities"][label]), abs=0.001)
            assert explanation["logits"] == pytest.approx(ask_graph(picture), abs=0.05)

            costs = hidden(picture, overlay_of(told), ask_graph, label)
            assert min(costs) < max(costs) == costs[0], sample.name
            found = await client.get(response.headers["Location"])
            assert found.json() == told


def hidden(picture: Image.Image, overlay: Image.Image, ask_graph, label: str) -> list[float]:
    """What the class loses when the overlay's hottest part is hidden: as it lies, and mirrored."""
    pixels = np.asarray(picture)
    heat = np.asarray(overlay.getchannel("A").resize(picture.size))
    hottest = heat >= np.quantile(heat, 0.85)
    costs = []
    for rows, columns in product((1, -1), repeat=2):
        shown = pixels.copy()
        shown[hottest[::rows, ::columns]] = pixels.mean()
        costs.append(ask_graph(picture)[label] - ask_graph(Image.fromarray(shown))[label])
    return costs


async def test_lying_pictures_and_mixed_batches_are_explained_to_who_asks(stack):
    upright = wide(SAMPLES[0])
    exif = Image.Exif()
    exif[0x0112] = _LYING
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        shown, stored = [
            (await predict(client, image, "cam", path="/predict"))[1]
            for image in (png(upright), png(lying, exif=exif))
        ]
        asked = [None, "cam", None, "cam"] * 8
        answers = await asyncio.gather(*(predict(client, png(upright), one) for one in asked))
        accepted, _ = await predict(client, png(upright), "cam", Prefer="respond-async")
        assert accepted.status_code == 202
        async with asyncio.timeout(30):
            while (later := await client.get(accepted.headers["Location"])).status_code != 200:
                await asyncio.sleep(0.05)
    assert overlay_of(shown).size == (112, 80)
    assert stored["explanation"] == shown["explanation"]
    assert [("explanation" in body) for _, body in answers] == [one == "cam" for one in asked]
    assert {body["status"] for _, body in answers} == {"succeeded"}
    assert later.json()["explanation"]["class"] == later.json()["label"]
