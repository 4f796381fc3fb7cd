"""The Open Inference Protocol over HTTP where images fail, with a service that is told what to say.

Inference itself, with tritonclient and the shipped model: tests/journey/test_open_inference.py.
"""

import asyncio
import base64
import gzip
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest

from gateway.core.admission import RefusalReason, refuse_as_full
from gateway.core.dicom import Rendered
from gateway.core.faults import Fault
from gateway.edge.open_inference_errors import OpenInferenceErrorMiddleware
from gateway.http.answer_timing import AnswerTimer
from gateway.http.app import new_app
from gateway.http.limits import InferLimits
from gateway.http.routes.open_inference import new_open_inference_router
from gateway.http.routes.open_inference_models import ModelSelector
from gateway.ports import DecoderBusyError
from gateway.service.predictions import Answered, OutcomeTimeoutError
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelPromoted
from shared.contracts.predict import Expired, Failed, ModelRef, Succeeded
from shared.kafka.publisher import BrokerUnavailableError
from shared.testing.images import new_jpeg, new_png

CURRENT = ModelPromoted(name="m", version="2", bundle_sha256="ab" * 32, promoted_at_ms=1)
INFER = "/v2/models/m/infer"
GOOD, BAD = new_jpeg(), new_png((8, 8))


class ToldService:
    """Answers GOOD with `version`, and BAD with what it is told."""

    def __init__(self, said):
        self.said = said
        self.version = "2"
        self.waits, self.seen = [], []

    def find_refusal(self, image_bytes, wait_s):
        return None

    @contextmanager
    def reserve_body_bytes(self, *, at_most):
        yield lambda size_bytes: None

    async def predict(self, image, content_type, wait_s, traceparent, *, warnings):
        self.waits.append(wait_s)
        self.seen.append((image, content_type, warnings))
        said = self.said if image == BAD else succeeded(self.version)
        if isinstance(said, Exception):
            raise said
        return Answered(said, 0.0) if hasattr(said, "id") else said


class ToldRenderer:
    """Gives what it is told for every DICOM file; an exception is raised, None never comes."""

    def __init__(self, said):
        self.said = said

    async def render(self, content, *, wait_s):
        if self.said is None:
            await asyncio.Event().wait()
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def succeeded(version):
    return Succeeded(
        id="good",
        label="sick",
        confidence=1.0,
        probabilities={"healthy": 0.0, "sick": 1.0},
        model=ModelRef(name="m", version=version),
    )


@asynccontextmanager
async def serving(said=None, rendered=None):
    service = ToldService(said)
    timer = AnswerTimer(lambda: 0.0, lambda *_: None)
    limits = InferLimits(10.0, 60.0, 10_000, 20_000, 100_000)
    served = ModelSelector(lambda: CURRENT, lambda: ())
    app = new_app(new_open_inference_router(service, limits, timer, served, ToldRenderer(rendered)))

    async def begun(scope, receive, send):
        await OpenInferenceErrorMiddleware(app)(scope | {"pneumo.started_s": 0.0}, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(begun), base_url="http://g"
    ) as client:
        client.service = service
        yield client


def asked(*images, **more):
    data = [base64.b64encode(image).decode() for image in images]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(images)], "data": data}
    return {"inputs": [tensor], **more}


def failed(code, **changes):
    return Failed(id="bad", code=code, detail="No.", **changes)


@pytest.mark.parametrize(
    ("said", "status", "code", "header"),
    [
        (failed(ErrorCode.UNDECODABLE), 422, "undecodable", None),
        (failed(ErrorCode.WORKER_CRASHED), 500, "worker_crashed", None),
        (Expired(id="bad", deadline_ms=1), 504, "deadline_exceeded", None),
        (OutcomeTimeoutError("bad"), 504, "deadline_exceeded", "location"),
        (BrokerUnavailableError("gone"), 503, "broker_unavailable", "retry-after"),
        (refuse_as_full(RefusalReason.IN_FLIGHT), 503, "overloaded", "retry-after"),
        (succeeded("1"), 409, "conflict", "retry-after"),
    ],
)
async def test_one_image_that_fails_fails_the_request_and_is_named(said, status, code, header):
    async with serving(said) as client:
        response = await client.post(INFER, json=asked(GOOD, GOOD, BAD, GOOD))
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body["error"] == body["detail"]
    assert body["status"] == status
    assert header is None or header in response.headers
    if code != "conflict":
        assert body["index"] == 2
        assert body["error"].startswith("Image 2: ")


async def test_images_are_looked_at_before_any_of_them_is_sent():
    async with serving() as client:
        refused = [
            await client.post(INFER, json=asked(GOOD, image))
            for image in (b"", b"no image", GOOD + bytes(10_000))
        ]
    found = [(one.status_code, one.json()["code"], one.json()["index"]) for one in refused]
    assert found == [
        (400, "empty_file", 1),
        (415, "unsupported_media_type", 1),
        (413, "too_large", 1),
    ]
    assert client.service.waits == []


async def test_a_version_that_is_not_current_or_did_not_answer_is_refused():
    async with serving() as client:
        pinned = await client.post("/v2/models/m/versions/2/infer", json=asked(GOOD))
        other = await client.post("/v2/models/m/versions/1/infer", json=asked(GOOD))
        stranger = await client.post("/v2/models/n/infer", json=asked(GOOD))
        client.service.version = "1"
        late = await client.post("/v2/models/m/versions/2/infer", json=asked(GOOD))
        free = await client.post(INFER, json=asked(GOOD))
    assert pinned.json()["model_version"] == "2"
    assert (other.status_code, stranger.status_code) == (404, 404)
    assert "'2'" in other.json()["error"]
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert free.json()["model_version"] == "1"


async def test_the_wait_is_the_requests_own_up_to_the_most():
    async with serving() as client:
        for microseconds in (2_000_000, 10**12):
            await client.post(INFER, json=asked(GOOD, parameters={"timeout": microseconds}))
        await client.post(INFER, json=asked(GOOD), headers={"Prefer": "wait=3"})
    assert client.service.waits == [2.0, 60.0, 3.0]


async def test_bodies_are_bounded_as_they_come_and_unpacked():
    async with serving() as client:

        async def post(content, **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            response = await client.post(INFER, content=content, headers=named)
            return response.status_code

        whole = httpx.Request("POST", "http://g", json=asked(GOOD)).content
        assert await post(gzip.compress(whole), Content_Encoding="gzip") == 200
        assert await post(gzip.compress(bytes(200_000)), Content_Encoding="gzip") == 413
        assert await post(bytes(100_001)) == 413
        assert await post(whole, Content_Encoding="br") == 415
        assert await post(whole, Content_Encoding="gzip") == 400
        assert await post(whole, Inference_Header_Content_Length="-1") == 400
        assert await post(whole, Inference_Header_Content_Length="9" * 5_000) == 400
        assert await post(b"") == 400
        assert await post(whole, Prefer="wait=soon") == 400


DICOM = bytes(128) + b"DICM" + bytes(100)


async def test_dicom_files_are_answered_as_images_are():
    png = new_png((64, 64))
    async with serving(rendered=Rendered(png, ("no_window",))) as client:
        answered = await client.post(INFER, json=asked(GOOD, DICOM))
    assert answered.status_code == 200, answered.text
    seen = sorted(client.service.seen, key=lambda one: one[0] == png)
    assert seen[0] == (GOOD, "application/octet-stream", ())
    assert seen[1] == (png, "image/png", ("no_window",))


UNSUPPORTED = Fault(ErrorCode.UNSUPPORTED_DICOM, "Several frames.")


@pytest.mark.parametrize(
    ("rendered", "sent", "status", "code"),
    [
        (UNSUPPORTED, DICOM, 415, "unsupported_dicom"),
        (DecoderBusyError(), DICOM, 503, "overloaded"),
        (None, DICOM, 503, "overloaded"),
        (Rendered(b"no image", ()), DICOM, 415, "unsupported_media_type"),
        (Rendered(GOOD + bytes(10_000), ()), DICOM, 413, "too_large"),
        (Rendered(GOOD + bytes(100_000), ()), DICOM, 413, "too_large"),
        (Rendered(GOOD, ()), DICOM + bytes(20_000), 413, "too_large"),
    ],
)
async def test_a_dicom_file_that_cannot_be_taken_is_named(rendered, sent, status, code):
    async with serving(rendered=rendered) as client:
        refused = await client.post(INFER, json=asked(GOOD, sent), headers={"Prefer": "wait=0.2"})
    body = refused.json()
    assert (refused.status_code, body["code"], body["index"]) == (status, code, 1)
    assert status != 503 or refused.headers["retry-after"] == "1"
    assert client.service.seen == []
