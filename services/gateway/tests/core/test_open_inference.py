"""The Open Inference Protocol's requests and answers: whatever comes in is read or refused."""

import base64
import json
import struct
import tracemalloc
import zlib

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.decompression import decompress
from gateway.core.faults import Fault
from gateway.core.open_inference import MAX_IMAGES, InferPixels, InferRequest, parse_infer
from gateway.core.open_inference_answers import OUTPUTS, Wanted, format_infer
from gateway.core.served_models import choose_model, is_loaded
from gateway.core.tensors import TensorError
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.predict import ModelRef, Succeeded

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy."""
CURRENT = ModelPromoted(name="m", version="2", bundle_sha256="ab" * 32, promoted_at_ms=1)


def tensor(name="image", datatype="BYTES", shape=(1,), **more):
    return {"name": name, "datatype": datatype, "shape": list(shape), **more}


def body(*inputs, tail=b"", **more):
    head = orjson.dumps({"inputs": list(inputs), **more})
    return head + tail, len(head) if tail else None


def lengths_and(*elements):
    return b"".join(struct.pack("<I", len(one)) + one for one in elements)


def code_of(whole, json_bytes=None):
    with pytest.raises(TensorError) as caught:
        parse_infer(whole, json_bytes)
    return caught.value.code


@UNHURRIED
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=MAX_IMAGES), st.booleans())
def test_bytes_come_out_as_they_went_in_whichever_the_form(images, in_a_column):
    shape = (len(images), 1) if in_a_column else (len(images),)
    tail = lengths_and(*images)
    binary = tensor(shape=shape, parameters={"binary_data_size": len(tail)})
    texts = [base64.b64encode(image).decode() for image in images]
    in_json = tensor(shape=shape, data=texts, parameters={"content_type": "base64"})
    assert parse_infer(*body(binary, tail=tail)).images == tuple(images)
    assert parse_infer(*body(in_json)).images == tuple(images)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 1), (2, 3, 4, 3)])
def test_pixels_come_out_as_they_went_in_flat_nested_or_binary(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    tail = pixels.tobytes()
    forms = (
        body(tensor("pixels", "UINT8", shape, data=pixels.tolist())),
        body(tensor("pixels", "UINT8", shape, data=pixels.ravel().tolist())),
        body(
            tensor("pixels", "UINT8", shape, parameters={"binary_data_size": len(tail)}),
            tail=tail,
        ),
    )
    channels = shape[3] if len(shape) == 4 else 1
    expected = tuple(InferPixels(one.tobytes(), 4, 3, channels) for one in pixels)
    assert [parse_infer(*form).images for form in forms] == [expected] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
SIZES = st.integers(-1, 40) | st.just(2**40)
ODD_TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["image", "pixels", "x"]) | JSON,
        "datatype": st.sampled_from(["BYTES", "UINT8"]) | JSON,
        "shape": st.lists(SIZES, max_size=5) | JSON,
    },
    optional={
        "data": JSON | st.lists(st.text(max_size=4) | st.integers(-1, 256), max_size=6),
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_size", "content_type", "shared_memory_region"]),
            SIZES | JSON,
        )
        | JSON,
    },
)
ODD_BODY = st.fixed_dictionaries(
    {"inputs": st.lists(ODD_TENSOR, max_size=2) | JSON},
    optional={
        "id": JSON,
        "outputs": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from([*OUTPUTS, "x"]), "parameters": JSON})
        )
        | JSON,
        "parameters": st.dictionaries(
            st.sampled_from(["timeout", "binary_data_output", "sequence_id"]), JSON
        ),
    },
)


@UNHURRIED
@given(
    st.one_of(ODD_BODY, JSON).map(lambda said: json.dumps(said).encode()) | st.binary(max_size=60),
    st.binary(max_size=40),
    st.none() | st.integers(0, 400),
    st.booleans(),
)
def test_whatever_comes_is_read_or_refused_in_words(head, tail, anywhere, is_right):
    try:
        found = parse_infer(head + tail, len(head) if is_right else anywhere)
    except TensorError as error:
        assert error.code in {
            ErrorCode.MALFORMED_REQUEST,
            ErrorCode.TOO_LARGE,
            ErrorCode.TOO_MANY_PIXELS,
        }
        assert error.detail
    else:
        assert isinstance(found, InferRequest)
        assert found.images


GOOD = tensor(data=["YQ=="])


@pytest.mark.parametrize(
    "whole",
    [
        body(),
        body(GOOD, GOOD),
        body(tensor(data=["YQ"])),
        body(tensor(data=["ü"])),
        body(tensor(data=["Y*Q=="])),
        body(tensor(data=["YQ==", "YQ=="])),
        body(tensor(shape=(0,), data=[])),
        body(tensor(shape=(1, 2), data=["YQ==", "YQ=="])),
        body(tensor()),
        body(tensor(data=["YQ=="], parameters={"content_type": "str"})),
        body(tensor(parameters={"binary_data_size": 5}, data=["YQ=="]), tail=lengths_and(b"a")),
        body(tensor(parameters={"binary_data_size": 5}), tail=lengths_and(b"a") + b"b"),
        body(tensor(parameters={"binary_data_size": 6}), tail=lengths_and(b"a") + b"b"),
        body(tensor(parameters={"binary_data_size": 4}), tail=b"\xff" * 4),
        body(
            tensor("pixels", "UINT8", (1, 1, 1), parameters={"binary_data_size": True}), tail=b"a"
        ),
        body(tensor("pixels", "UINT8", (1, 1, 1), data=[256])),
        body(tensor("pixels", "UINT8", (1, 1, 2), data=[[[1], [2]]])),
        body(tensor("pixels", "UINT8", (1, 1, 1, 4), data=[1, 2, 3, 4])),
        body(tensor("pixels", "FP32", (1, 1, 1), data=[1])),
        body(GOOD, outputs=[{"name": "logits"}]),
        body(GOOD, outputs=[{"name": "label"}, {"name": "label"}]),
        body(GOOD, outputs=[{"name": "label", "parameters": {"classification": 2}}]),
        body(GOOD, parameters={"sequence_id": 1}),
        body(GOOD, parameters={"timeout": 0}),
        body(GOOD, parameters={"binary_data_output": 1}),
        (b'{"inputs": [', None),
        (b"{}", 3),
    ],
)
def test_what_is_amiss_is_malformed(whole):
    assert code_of(*whole) == ErrorCode.MALFORMED_REQUEST


def test_bounds_on_images_values_and_pixels():
    many = tensor(shape=(MAX_IMAGES + 1,), data=["YQ=="] * (MAX_IMAGES + 1))
    assert code_of(*body(many)) == ErrorCode.TOO_LARGE
    assert code_of(b"[" * 1_200_001) == ErrorCode.TOO_LARGE
    wide = tensor("pixels", "UINT8", (1, 10_000, 10_000), data=[0])
    assert code_of(*body(wide)) == ErrorCode.TOO_MANY_PIXELS


def test_what_is_asked_is_what_is_wanted():
    outputs = [{"name": "label"}, {"name": "confidence", "parameters": {"binary_data": False}}]
    parameters = {"timeout": 1_500_000, "binary_data_output": True, "priority": 1}
    asked = parse_infer(*body(GOOD, id="a", outputs=outputs, parameters=parameters))
    wanted = (Wanted("label", binary=True), Wanted("confidence", binary=False))
    assert asked == InferRequest("a", (b"a",), wanted, 1.5)
    assert [one.name for one in parse_infer(*body(GOOD)).outputs] == list(OUTPUTS)


def answered(id_, **changes):
    return Succeeded(
        id=id_,
        label="sick",
        confidence=0.9,
        probabilities={"healthy": 0.1, "sick": 0.9},
        model=ModelRef(name="m", version="2"),
        **changes,
    )


def test_an_answer_in_json_and_behind_it():
    answers = [answered("a"), answered("b", in_domain=False, warnings=("x", "y"))]
    wanted = [Wanted(name, binary=name in {"probabilities", "in_domain"}) for name in OUTPUTS]
    answer = format_infer("r", wanted, answers)
    said = orjson.loads(answer.body[: answer.json_bytes])
    tensors = {one["name"]: one for one in said["outputs"]}
    assert (said["model_name"], said["model_version"], said["id"]) == ("m", "2", "r")
    assert tensors["probabilities"]["shape"] == [2, 2]
    assert tensors["label"]["data"] == ["sick", "sick"]
    assert tensors["warnings"]["data"] == ["", "x y"]
    assert tensors["prediction_id"]["data"] == ["a", "b"]
    assert answer.body[answer.json_bytes :] == struct.pack("<4d??", *([0.1, 0.9] * 2), True, False)
    assert format_infer(None, [Wanted("label", binary=False)], answers).json_bytes is None


def test_bodies_are_unpacked_as_far_as_they_may_be():
    packed = zlib.compress(b"x" * 1_000)
    assert decompress(packed, "deflate", 1_000) == b"x" * 1_000
    for broken in (packed[:-1], packed + b"x", b"x"):
        assert decompress(broken, "deflate", 1_000).code == ErrorCode.MALFORMED_REQUEST
    assert decompress(packed, "gzip", 1_000).code == ErrorCode.MALFORMED_REQUEST
    assert decompress(packed, "deflate", 999).code == ErrorCode.TOO_LARGE


def test_a_bomb_is_not_unpacked_to_be_measured():
    bomb = zlib.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        assert decompress(bomb, "deflate", 1_000).code == ErrorCode.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_only_the_current_model_is_there():
    assert choose_model(CURRENT, "m", None) == choose_model(CURRENT, "m", "2") == CURRENT
    for found in (
        choose_model(None, "m", None),
        choose_model(CURRENT, "n", None),
        choose_model(CURRENT, "m", "1"),
    ):
        assert isinstance(found, Fault)
        assert found.code == ErrorCode.NOT_FOUND
    worker = WorkerStatus(id="w", ready=True, version="1", at_ms=1)
    assert is_loaded([worker], None)
    assert not is_loaded([worker], "2")
    assert not is_loaded([worker.model_copy(update={"ready": False})], None)
