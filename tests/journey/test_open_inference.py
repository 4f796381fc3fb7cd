"""tritonclient, as it is, against the real system: the numbers of /v1/predictions."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

from shared.bundle_files import read_manifest

pytestmark = pytest.mark.kafka

triton = pytest.importorskip("tritonclient.http")

ROOT = Path(__file__).parents[2]
MANIFEST = read_manifest(ROOT / "models" / "baseline")
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
DOCUMENT = ROOT / "docs" / "architecture" / "open-inference.md"
DECIMALS = 1e-6
OUTPUTS = ["label", "probabilities", "confidence", "in_domain"]


def slow():
    """Say how long to wait; afresh each time, for tritonclient writes into what it is given."""
    return {"Prefer": "wait=60"}


def encoded_tensor(images, *, binary=True):
    elements = np.array(images, dtype=np.object_)
    tensor = triton.InferInput("image", list(elements.shape), "BYTES")
    return tensor.set_data_from_numpy(elements, binary_data=binary)


def in_base64(images):
    # As tritonclient sends text: in JSON.
    return encoded_tensor([base64.b64encode(image) for image in images], binary=False)


def grey(path):
    return np.asarray(Image.open(path).convert("L"))


def png_of(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def expected(client, images):
    """Ask /v1/predictions for each."""
    answers = []
    for image in images:
        headers = {"Content-Type": "image/jpeg", **slow()}
        response = client.post("/v1/predictions", content=image, headers=headers)
        assert response.status_code == 200, response.text
        answers.append(response.json())
    return answers


def assert_equal(result, answers):
    """Every tensor says what /v1/predictions says."""
    probabilities = [list(one["probabilities"].values()) for one in answers]
    found = result.as_numpy("probabilities")
    assert found.shape == (len(answers), len(MANIFEST.classes))
    assert np.abs(found - probabilities).max() < DECIMALS
    confidences = [one["confidence"] for one in answers]
    assert np.abs(result.as_numpy("confidence") - confidences).max() < DECIMALS
    labels = [np.asarray(one).item() for one in result.as_numpy("label")]
    texts = [one.decode() if isinstance(one, bytes) else one for one in labels]
    assert texts == [one["label"] for one in answers]
    assert result.as_numpy("in_domain").tolist() == [one["in_domain"] for one in answers]
    said = result.get_response()
    assert (said["model_name"], said["model_version"]) == (MANIFEST.name, MANIFEST.version)


def refused(client, *inputs, **options):
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(MANIFEST.name, list(inputs), **options)
    return int(caught.value.status()), caught.value.message()


def ask_for_everything_but_answers(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.is_model_ready(MANIFEST.name)
    assert client.is_model_ready(MANIFEST.name, MANIFEST.version)
    assert not client.is_model_ready(MANIFEST.name, "1")
    assert not client.is_model_ready("resnet")
    metadata = client.get_model_metadata(MANIFEST.name, MANIFEST.version)
    assert metadata["versions"] == [MANIFEST.version]
    shapes = {one["name"]: one["shape"] for one in metadata["outputs"]}
    assert shapes["probabilities"] == [-1, len(MANIFEST.classes)]
    (listed,) = client.get_model_repository_index()
    assert (listed["name"], listed["state"]) == (MANIFEST.name, "READY")


def test_tritonclient_gets_the_answers_of_v1(stack):
    images = [path.read_bytes() for path in SAMPLES]
    address = urlsplit(stack.gateway.url).netloc
    with (
        httpx.Client(base_url=stack.gateway.url, timeout=90) as http,
        triton.InferenceServerClient(address, concurrency=4) as client,
    ):
        answers = expected(http, images)
        ask_for_everything_but_answers(client)

        whole = client.infer(MANIFEST.name, [encoded_tensor(images)], headers=slow())
        assert_equal(whole, answers)
        assert [one.decode() for one in whole.as_numpy("classes")] == list(MANIFEST.classes)
        for id_ in whole.as_numpy("prediction_id"):
            assert http.get(f"/v1/predictions/{id_.decode()}").status_code == 200

        outputs = [
            triton.InferRequestedOutput(name, binary_data=name == "probabilities")
            for name in OUTPUTS
        ]
        in_json = client.infer(
            *(MANIFEST.name, [in_base64(images)], MANIFEST.version),
            outputs=outputs,
            request_id="mine",
            timeout=60_000_000,
            request_compression_algorithm="gzip",
            response_compression_algorithm="deflate",
        )
        assert_equal(in_json, answers)
        assert in_json.get_response()["id"] == "mine"
        assert [one["name"] for one in in_json.get_response()["outputs"]] == OUTPUTS

        asked = [
            client.async_infer(MANIFEST.name, [encoded_tensor([[image]])], headers=slow())
            for image in images
        ]
        for pending, answer in zip(asked, answers, strict=True):
            assert_equal(pending.get_result(), [answer])

        pixels = np.stack([grey(path) for path in SAMPLES if "224px" in path.name])
        tensor = triton.InferInput("pixels", list(pixels.shape), "UINT8")
        found = client.infer(MANIFEST.name, [tensor.set_data_from_numpy(pixels)], headers=slow())
        assert_equal(found, expected(http, [png_of(one) for one in pixels]))


def test_tritonclient_is_told_what_is_wrong_and_the_documented_example_runs(stack):
    image = SAMPLES[0].read_bytes()
    good, damaged = encoded_tensor([image]), encoded_tensor([image, image[: len(image) // 2]])
    address = urlsplit(stack.gateway.url).netloc
    with triton.InferenceServerClient(address) as client:
        status, said = refused(client, damaged, headers=slow())
        assert (status, said.startswith("Image 1: ")) == (422, True)
        assert refused(client, encoded_tensor([image] * 33))[0] == 413
        assert refused(client, good, encoded_tensor([image]))[0] == 400
        assert refused(client, good, model_version="1")[0] == 404
        assert refused(client, good, sequence_id=7)[0] == 400
        by_class = triton.InferRequestedOutput("probabilities", class_count=2)
        assert "classification" in refused(client, good, outputs=[by_class])[1]
        with pytest.raises(triton.InferenceServerException, match="no such path"):
            client.get_inference_statistics(MANIFEST.name)
        assert client.infer(MANIFEST.name, [good], headers=slow()).as_numpy("label").shape == (1,)
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "127.0.0.1:8000" in example
    ran = subprocess.run(
        [sys.executable, "-c", example.replace("127.0.0.1:8000", address)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert len(lines) == len(SAMPLES)
    for sample, line in zip(SAMPLES, lines, strict=True):
        assert sample.name.startswith(line.split()[0])
