"""Forms as clients write them: what is one request, and what is refused, on every route."""

import base64
import io
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace

import httpx
import pytest
from PIL import Image, PngImagePlugin

from gateway.core.dicom import Rendered
from gateway.core.faults import Fault
from gateway.http.answer_timing import AnswerTimer
from gateway.http.app import new_app
from gateway.http.limits import HttpLimits
from gateway.http.routes.predictions import new_predictions_router
from gateway.service.predictions import Answered
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import ModelRef, Succeeded
from shared.testing.images import new_jpeg

GOOD, OTHER = new_jpeg(), new_jpeg(seed=1)
MIB = 1024 * 1024
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PREDICTIONS = ("/predict", "/v1/predictions")
UPLOADS = ("/v1/uploads", "/upload-data")


def a_part(name, content, *headers, filename=b'; filename="a.jpeg"'):
    disposition = b'Content-Disposition: form-data; name="%s"%s' % (name, filename)
    return b"--b\r\n" + b"\r\n".join((disposition, *headers)) + b"\r\n\r\n" + content + b"\r\n"


def a_field(name, value):
    return a_part(name, value, filename=b"")


def a_form(*parts, before=b""):
    return before + b"".join(parts) + b"--b--\r\n"


class AnsweringService:
    """Answers every image alike."""

    def __init__(self):
        self.seen = []

    def find_refusal(self, image_bytes, wait_s):
        return None

    @contextmanager
    def reserve_body_bytes(self, *, at_most):
        yield lambda size_bytes: None

    async def predict(self, image, *_, **__):
        self.seen.append(image)
        answer = Succeeded(
            id="one",
            label="sick",
            confidence=1.0,
            probabilities={"healthy": 0.0, "sick": 1.0},
            model=ModelRef(name="m", version="1"),
        )
        return Answered(answer, 0.0)


NO_DICOM = Fault(ErrorCode.UNDECODABLE, "No DICOM here.")


@asynccontextmanager
async def predicting(rendered=NO_DICOM):
    """Serve predictions without Kafka; `client.seen` is what was classified."""

    async def render(content, *, wait_s):
        return rendered

    service = AnsweringService()
    timer = AnswerTimer(lambda: 0.0, lambda *_: None)
    renderer = SimpleNamespace(render=render)
    limits = HttpLimits(10.0, 60.0, MIB, 2 * MIB)
    app = new_app(new_predictions_router(service, limits, timer, renderer))

    async def begun(scope, receive, send):
        await app(scope | {"pneumo.started_s": 0.0}, receive, send)

    transport = httpx.ASGITransport(begun)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.seen = service.seen
        yield client


@pytest.fixture
def posting(controlling, registry):
    """Post a form to a route of either kind; gives the response, and the images it let in."""

    async def post(path, form):
        serving = predicting() if path in PREDICTIONS else controlling(registry.url)
        async with serving as client:
            response = await client.post(path, content=form, headers=FORM)
            images = client.seen if path in PREDICTIONS else [kept for *_, kept in client.kept]
            return response, images

    return post


TWO_FILES = {
    "two in the field": a_form(a_part(b"file", GOOD), a_part(b"file", OTHER)),
    "without file names": a_form(a_field(b"file", GOOD), a_field(b"file", OTHER)),
    "the second in another field": a_form(a_part(b"file", GOOD), a_part(b"file2", OTHER)),
    "the first in another field": a_form(a_part(b"scan", OTHER), a_part(b"file", GOOD)),
    "the second empty": a_form(a_part(b"file", GOOD), a_part(b"file", b"", filename=b"")),
}


@pytest.mark.parametrize("path", PREDICTIONS)
@pytest.mark.parametrize("case", TWO_FILES)
async def test_a_prediction_is_of_one_file(posting, path, case):
    response, images = await posting(path, TWO_FILES[case])
    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
    assert "one file per request" in response.json()["detail"]
    assert images == []


REPEATED = {
    "label": a_form(
        a_field(b"label", b"NORMAL"),
        a_part(b"files", GOOD),
        a_field(b"label", b"PNEUMONIA"),
        a_part(b"files", OTHER),
    ),
    "patient_id": a_form(
        a_field(b"label", b"NORMAL"),
        a_field(b"patient_id", b"p1"),
        a_part(b"files", GOOD),
        a_field(b"patient_id", b"p2"),
        a_part(b"files", OTHER),
    ),
    "source": a_form(
        a_field(b"label", b"NORMAL"),
        *(a_field(b"source", b"ward"), a_field(b"source", b"ward")),
        a_part(b"files", GOOD),
    ),
    "new_class": a_form(
        a_field(b"label", b"NORMAL"),
        *(a_field(b"new_class", b"0"), a_field(b"new_class", b"1")),
        a_part(b"files", GOOD),
    ),
}


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("field", REPEATED)
async def test_a_field_that_is_sent_twice_is_refused_and_never_joined(posting, path, field):
    response, images = await posting(path, REPEATED[field])
    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
    assert f"more than one field '{field}'" in response.json()["detail"]
    assert images == []


@pytest.mark.parametrize("name", ["patient_id", "source", "new_class"])
async def test_a_query_parameter_of_a_zip_that_is_sent_twice_is_refused(
    controlling, registry, name
):
    async with controlling(registry.url) as client:
        refused = await client.post(
            f"/v1/uploads?{name}=1&{name}=0",
            content=b"PK\3\4",
            headers={"Content-Type": "application/zip"},
        )
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
    assert f"more than one '{name}'" in refused.json()["detail"]


@pytest.mark.parametrize("path", UPLOADS)
async def test_a_file_in_an_unknown_field_is_not_passed_over(posting, path):
    form = a_form(a_field(b"label", b"NORMAL"), a_part(b"files", GOOD), a_part(b"image", OTHER))
    response, images = await posting(path, form)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
    assert "'image'" in response.json()["detail"]
    assert images == []


NAMES = {
    b'; filename="a.jpeg"': "a.jpeg",
    b"; filename=a.jpeg": "a.jpeg",
    '; filename="Röntgen.jpeg"'.encode(): "Röntgen.jpeg",
    b"; filename=\"=?utf-8?B?UsO2bnRnZW4uanBlZw==?=\"; filename*=utf-8''R%C3%B6.jpeg": (
        "Röntgen.jpeg"
    ),
    b'; filename="=?UTF-8?Q?R=C3=B6ntgen_1.jpeg?="': "Röntgen 1.jpeg",
    b'; filename="=?iso-8859-1?Q?R=F6ntgen?= =?iso-8859-1?Q?.jpeg?="': "Röntgen.jpeg",
    b'; filename="=?utf-8?B?UsM=?= =?utf-8?B?tg==?="': "Rö",
    b"; filename*=utf-8''R%C3%B6ntgen.jpeg": "Röntgen.jpeg",
    b"; filename*=UTF-8'de'a%20b.jpeg": "a b.jpeg",
    b"; filename*=iso-8859-1''R%F6ntgen.jpeg": "Röntgen.jpeg",
    b"; filename=\"plain.jpeg\"; filename*=utf-8''other.jpeg": "plain.jpeg",
    b"; filename*=utf-8''a%0Ab%00.jpeg": "a\ufffdb\ufffd.jpeg",
    b'; filename="=?utf-8?B?***?="': "=?utf-8?B?***?=",
    b'; filename="=?punycode?Q?a?="': "=?punycode?Q?a?=",
    b'; filename="=? no word"': "=? no word",
    b"; x=\"; filename*=utf-8''a.jpeg\"": None,
    b"; filename*=punycode''a": None,
    b'; filename=""': None,
    b"; filename*=utf-8''" + b"n" * 400: "n" * 255,
}


@pytest.mark.parametrize("path", ["/predict", "/v1/uploads"])
@pytest.mark.parametrize(("written", "name"), NAMES.items())
async def test_a_file_has_the_name_that_its_client_meant(posting, path, written, name):
    field = b"file" if path == "/predict" else b"files"
    parts = [a_part(field, GOOD, filename=written), a_field(b"label", b"NORMAL")]
    response, images = await posting(path, a_form(*parts))
    body = response.json()
    named = body if path == "/predict" else body["accepted"][0]
    assert named["filename"] == name
    assert images == [GOOD]


@pytest.mark.parametrize("path", [*PREDICTIONS, *UPLOADS])
@pytest.mark.parametrize(
    ("encoding", "status"),
    [(b"base64", 415), (b"Quoted-Printable", 415), (b"binary", 2), (b"8bit", 2)],
)
async def test_a_part_that_is_encoded_is_refused_by_its_own_reason(posting, path, encoding, status):
    field = b"files" if path in UPLOADS else b"file"
    part = a_part(field, GOOD, b"Content-Transfer-Encoding: " + encoding)
    response, images = await posting(path, a_form(a_field(b"label", b"NORMAL"), part))
    if status == 415:
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
        assert encoding.decode() in response.json()["detail"]
    else:
        assert response.is_success
        assert images == [GOOD]


@pytest.mark.parametrize("path", [*PREDICTIONS, *UPLOADS])
@pytest.mark.parametrize("before", [b"\r\n", b"A preamble.\r\n", b"A preamble.", b"x\r\n" * 3_000])
async def test_a_preamble_is_passed_over_up_to_a_limit(posting, path, before):
    field = b"files" if path in UPLOADS else b"file"
    parts = (a_field(b"label", b"NORMAL"), a_part(field, GOOD))
    response, images = await posting(path, a_form(*parts, before=before))
    if before.endswith(b"\r\n") and len(before) < 8_000:
        assert response.is_success, response.text
        assert images == [GOOD]
    else:
        assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
        assert "boundary" in response.json()["detail"]


DICOM = bytes(128) + b"DICM" + bytes(100)


def a_rendering(size_px):
    """Make what a decoder gives, with a name beside its pixels."""
    named = PngImagePlugin.PngInfo()
    named.add_text("PatientName", "SMITH^JOHN")
    buffer = io.BytesIO()
    grey = Image.linear_gradient("L").resize(size_px)
    grey.save(buffer, "PNG", pnginfo=named, icc_profile=b"SMITH", dpi=(72, 72))
    return Rendered(buffer.getvalue(), ("no_window",))


def chunks_of(png):
    kinds, at = [], 8
    while at < len(png):
        kinds.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return set(kinds)


@pytest.mark.parametrize("path", PREDICTIONS)
@pytest.mark.parametrize(
    ("size_px", "shown_px"), [((1200, 2400), (256, 512)), ((40, 20), (40, 20))]
)
async def test_a_dicom_file_has_a_small_preview_of_pixels_alone(path, size_px, shown_px):
    file = {"file": ("SMITH.dcm", DICOM, "application/dicom")}
    async with predicting(a_rendering(size_px)) as client:
        answer = (await client.post(path, files=file, params={"preview": "png"})).json()
        without = (await client.post(path, files=file)).json()
    preview = answer.pop("preview")
    png = base64.b64decode(preview.pop("base64"))
    assert preview == {"content_type": "image/png", "width": shown_px[0], "height": shown_px[1]}
    shown = Image.open(io.BytesIO(png))
    assert (shown.mode, shown.size) == ("L", shown_px)
    assert chunks_of(png) == {b"IHDR", b"IDAT", b"IEND"}
    assert answer == without


@pytest.mark.parametrize("path", PREDICTIONS)
async def test_only_dicom_files_have_previews_and_only_as_png(path):
    async with predicting() as client:
        image = await client.post(path, files={"file": GOOD}, params={"preview": "png"})
        refused = await client.post(path, files={"file": GOOD}, params={"preview": "jpeg"})
    assert "preview" not in image.json()
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")


OTHER_TYPES = {
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic": "HEIC",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\x1f\x8b\x08\0": "gzip",
    b"a letter": "no known image type",
}


@pytest.mark.parametrize("path", PREDICTIONS)
async def test_what_is_sent_as_dicom_and_is_none_is_named(posting, path):
    packed = a_part(b"file", b"\x1f\x8b\x08\0", b"Content-Type: application/dicom")
    response, _ = await posting(path, a_form(packed))
    assert (response.status_code, response.json()["code"]) == (422, "undecodable")
    assert "It is compressed with gzip." in response.json()["detail"]


@pytest.mark.parametrize("path", [*PREDICTIONS, *UPLOADS])
@pytest.mark.parametrize("content", OTHER_TYPES)
async def test_what_was_sent_is_named_beside_the_types_that_are_taken(posting, path, content):
    field = b"files" if path in UPLOADS else b"file"
    response, _ = await posting(path, a_form(a_field(b"label", b"NORMAL"), a_part(field, content)))
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert OTHER_TYPES[content] in response.json()["detail"]
    assert "DICOM" in response.json()["detail"]
