"""DICOM through the whole system: one answer whatever the form, and of the patient no trace."""

import asyncio
import base64
import contextlib
import io
import os
import random
import signal
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom import uid

from shared.contracts.topics import ALL_TOPICS
from shared.kafka.clients import new_consumer, started
from shared.testing.archives import new_zip
from shared.testing.dicom import TELLING, new_dicom, new_lut

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SAMPLES = Path(__file__).parents[2] / "samples"
SMALL = SAMPLES / "viral-composite-1-224px.jpeg"
LARGE = SAMPLES / "NORMAL-composite-2-1024px.jpeg"
FILE_NAME = "SMITH_JOHN.dcm"
DICOM = "application/dicom"
PNG = b"\x89PNG"
FHIR = "application/fhir+json"
SAME, LOSSY = 0.01, 0.03
"""How far a probability may be from that of the same picture as PNG."""
DECODE_S = 8
BROKEN = 60
FULL = {"WindowCenter": 2048, "WindowWidth": 4096}


@pytest.fixture
def settings():
    return {
        "PNEUMO_GATEWAY_DICOM_TIMEOUT_S": str(DECODE_S),
        "PNEUMO_GATEWAY_DICOM_PROCESSES": "1",
        "PNEUMO_GATEWAY_LOG_LEVEL": "DEBUG",
    }


def png_of(grey):
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()


def grey_of(path):
    return np.asarray(Image.open(path).convert("L"))


def with_entries(values, first=0, bits=12):
    return new_lut(np.asarray(values).astype(np.uint16), first, bits)


def uncompressed(grey):
    """Yield (what it is, a file) whose picture is this one, in every arithmetic there is."""
    wide = grey.astype(np.uint16)
    twelve = wide * 16
    odds = (grey + 0.5) / 256
    sigmoid = np.round(2000 + 250 * np.log(odds / (1 - odds))).astype(np.uint16)
    framed = np.pad(twelve, 8, constant_values=4095)
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    yield "8 bit", new_dicom(grey)
    yield (
        "10 bit, window",
        new_dicom(wide * 4, bits=10, elements={"WindowCenter": 510, "WindowWidth": 1021}),
    )
    yield "12 bit, implicit VR", new_dicom(twelve, bits=12, syntax=uid.ImplicitVRLittleEndian)
    yield "16 bit", new_dicom(wide * 257)
    yield "big endian", new_dicom(wide * 257, syntax=uid.ExplicitVRBigEndian)
    yield "deflated", new_dicom(twelve, bits=12, syntax=uid.DeflatedExplicitVRLittleEndian)
    yield "MONOCHROME1", new_dicom(4095 - twelve, bits=12, elements=FULL | inverted)
    yield (
        "INVERSE alone",
        new_dicom(4095 - twelve, bits=12, elements=FULL | {"PresentationLUTShape": "INVERSE"}),
    )
    yield (
        "signed",
        new_dicom(
            (twelve.astype(np.int16) - 2048),
            elements={"WindowCenter": 0, "WindowWidth": 4096},
        ),
    )
    yield (
        "several windows, exact",
        new_dicom(
            twelve,
            bits=12,
            elements={
                "WindowCenter": [2040, 100],
                "WindowWidth": [4080, 5],
                "VOILUTFunction": "LINEAR_EXACT",
            },
        ),
    )
    yield (
        "sigmoid",
        new_dicom(
            sigmoid,
            elements={"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"},
        ),
    )
    yield (
        "rescaled",
        new_dicom(
            twelve,
            bits=12,
            elements={
                "RescaleSlope": "0.5",
                "RescaleIntercept": "-1000",
                "WindowCenter": 24,
                "WindowWidth": 2048,
            },
        ),
    )
    yield (
        "modality LUT",
        new_dicom(
            4095 - twelve,
            bits=12,
            elements=FULL | {"ModalityLUTSequence": with_entries(4095 - np.arange(4096))},
        ),
    )
    yield (
        "VOI LUT",
        new_dicom(
            4095 - twelve,
            bits=12,
            elements={"VOILUTSequence": with_entries(4095 - np.arange(4096))},
        ),
    )
    yield "padding", new_dicom(framed, bits=12, elements={"PixelPaddingValue": 4095})


LOSSLESS_SYNTAXES = (
    *(uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1),
    *(uid.JPEGLSLossless, uid.JPEG2000Lossless),
)
LOSSY_SYNTAXES = (uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000)


def compressed(grey):
    twelve = grey.astype(np.uint16) * 16
    for syntax in LOSSLESS_SYNTAXES:
        yield syntax.name, new_dicom(twelve, bits=12, syntax=syntax, elements=FULL), SAME
    for syntax in LOSSY_SYNTAXES:
        yield syntax.name, new_dicom(twelve, bits=12, syntax=syntax, elements=FULL), LOSSY
    yield "baseline", new_dicom(grey, syntax=uid.JPEGBaseline8Bit), LOSSY


async def predict(client, file, params=None, **headers):
    """Ask, and again where it is full: the machine may be busy."""
    kind = "image/png" if file.startswith(PNG) else DICOM
    parts = {"file": (FILE_NAME, file, kind)}
    asked = {"Prefer": "wait=30", **headers}
    while True:
        response = await client.post("/v1/predictions", files=parts, params=params, headers=asked)
        if response.status_code != 503:
            return response
        await asyncio.sleep(0.2)


async def check_every_form_gets_the_same_answer(client):
    for path in (SMALL, LARGE):
        grey = grey_of(path)
        plain = (await predict(client, png_of(grey))).json()
        assert path.name.startswith(plain["label"])
        forms = [(*form, SAME) for form in uncompressed(grey)] if path == SMALL else []
        forms += compressed(grey)
        padded = (await predict(client, png_of(np.pad(grey, 8)))).json()
        for name, file, tolerance in forms:
            response = await predict(client, file)
            said, wanted = response.json(), padded if name == "padding" else plain
            assert response.status_code == 200, (name, said)
            assert said["label"] == wanted["label"], name
            assert said["probabilities"] == pytest.approx(wanted["probabilities"], abs=tolerance), (
                name
            )
            assert set(said["warnings"]) - set(plain["warnings"]) <= {"no_window"}, name


async def check_a_large_file_is_taken_bare_and_by_its_content(client):
    grey = grey_of(LARGE)
    large = np.asarray(Image.fromarray(grey).resize((3000, 3000), Image.Resampling.BICUBIC))
    plain = (await predict(client, png_of(grey))).json()
    file = new_dicom(large.astype(np.uint16) * 257)
    assert len(file) > 18_000_000
    for kind in (DICOM, "application/octet-stream"):
        said = await client.post("/v1/predictions", content=file, headers={"Content-Type": kind})
        assert said.status_code == 200, said.text
        assert said.json()["probabilities"] == pytest.approx(plain["probabilities"], abs=SAME)
    seed = await client.post("/predict", files={"file": (FILE_NAME, file, "image/jpeg")})
    assert (seed.status_code, seed.json()["filename"]) == (200, FILE_NAME)


def refused():
    grey = grey_of(SMALL)
    good = new_dicom(grey)
    pdf = {"SOPClassUID": uid.EncapsulatedPDFStorage, "PixelData": None}
    no_picture = pdf | {"Rows": None, "Columns": None}
    many = {"Rows": 60_000, "Columns": 60_000}
    two = new_dicom(np.concatenate([grey, grey]), elements={"Rows": 224, "NumberOfFrames": 2})
    rgb = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    yield two, 415, "unsupported_dicom", "more than one frame"
    yield new_dicom(grey, elements=rgb), 415, "unsupported_dicom", "colour"
    yield new_dicom(grey, elements=no_picture), 415, "unsupported_dicom", "Encapsulated PDF"
    yield new_dicom(grey, syntax=uid.MPEG2MPML), 415, "unsupported_dicom", "MPEG2"
    yield new_dicom(grey, elements={"PixelData": None}), 422, "undecodable", "pixel data"
    yield good[: len(good) // 2], 422, "undecodable", "cut short"
    yield new_dicom(grey, elements=many), 413, "too_many_pixels", "megapixels"
    yield new_dicom(grey, bits=5), 415, "unsupported_dicom", "8 to 16 bits"
    yield b"no DICOM at all" * 20, 422, "undecodable", "does not begin"
    yield b"", 400, "empty_file", "empty"
    yield good + bytes(65 * 1024 * 1024), 413, "too_large", "64 MiB"


async def check_what_cannot_be_taken_is_refused_with_its_reason(client):
    for file, status, code, reason in refused():
        response = await predict(client, file)
        said = response.json()
        assert (response.status_code, said["code"]) == (status, code), said
        assert reason in said["detail"], said
        assert not [word for word in TELLING if word in response.text], said


async def check_v2_and_previews_have_the_same_image(client):
    file = new_dicom(grey_of(SMALL).astype(np.uint16) * 16, bits=12, elements=FULL)
    patient = {"Prefer": "wait=30"}
    plain = (await predict(client, file, params={"preview": "png"})).json()
    preview = Image.open(io.BytesIO(base64.b64decode(plain["preview"]["base64"])))
    off = np.asarray(preview).astype(int) - grey_of(SMALL)
    assert (preview.mode, abs(off).mean() < 2) == ("L", True)
    data = [base64.b64encode(file).decode()]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": data}
    answered = await client.post(
        "/v2/models/pneumonia/infer", json={"inputs": [tensor]}, headers=patient
    )
    outputs = {output["name"]: output["data"] for output in answered.json()["outputs"]}
    assert outputs["label"] == [plain["label"]]
    assert outputs["warnings"][0].split() == plain["warnings"]


async def check_warnings_survive_and_the_report_is_had_everywhere(client):
    odd = {
        "Modality": "CT",
        "ViewPosition": "LL",
        "BodyPartExamined": "SKULL",
        "BurnedInAnnotation": "YES",
    }
    file = new_dicom(grey_of(SMALL), elements=odd)
    words = {
        *("modality_not_radiography", "view_not_frontal", "body_part_not_chest"),
        *("burned_in_annotation", "no_window"),
    }
    said = (await predict(client, file)).json()
    assert words <= set(said["warnings"])
    accepted = await predict(client, file, Prefer="respond-async")
    where = accepted.headers["location"]
    while (found := await client.get(where)).status_code == 202:
        await asyncio.sleep(0.05)
    assert words <= set(found.json()["warnings"])
    posted = await predict(client, file, Accept=FHIR)
    got = await client.get(posted.headers["location"], headers={"Accept": f"{FHIR}, */*;q=.1"})
    assert posted.headers["content-type"] == FHIR == got.headers["content-type"]
    assert posted.json() == got.json()
    assert (posted.json()["resourceType"], posted.json()["status"]) == (
        "DiagnosticReport",
        "preliminary",
    )
    assert "view_not_frontal" in posted.json()["conclusion"]
    for refused_at in (
        await predict(client, file, Accept="text/turtle"),
        await client.get(where, headers={"Accept": "application/xml"}),
    ):
        assert (refused_at.status_code, refused_at.json()["code"]) == (406, "not_acceptable")


async def check_labelled_files_are_stored_as_pictures(client, data_dir):
    grey = grey_of(SMALL)
    large = np.asarray(Image.fromarray(grey).resize((2400, 2400))).astype(np.uint16) * 257
    archive = new_zip((f"NORMAL/{FILE_NAME}", new_dicom(large)), ("NORMAL/b.png", png_of(grey.T)))
    form = {"files": (FILE_NAME, new_dicom(grey), DICOM)}
    zipped = {"files": ("a.zip", archive, "application/zip")}
    bad = {"files": (FILE_NAME, new_dicom(grey, bits=5), DICOM)}
    label = {"label": "NORMAL"}
    taken = [
        await client.post("/v1/uploads", data=label, files=form),
        await client.post("/v1/uploads", files=zipped),
        await client.post("/upload-data", data=label, files=form),
    ]
    assert [(each.status_code, len(each.json()["accepted"])) for each in taken] == [
        (202, 1),
        (202, 2),
        (202, 1),
    ]
    no = await client.post("/v1/uploads", data=label, files=bad)
    assert (no.status_code, no.json()["code"]) == (415, "unsupported_dicom")
    async with asyncio.timeout(60):
        while (await client.get("/v1/dataset")).json()["total"] < 3:
            await asyncio.sleep(0.1)
    sha256 = taken[0].json()["accepted"][0]["sha256"]
    stored = [path for path in data_dir.rglob("*") if path.is_file() and sha256 in path.name]
    assert stored
    assert stored[0].read_bytes().startswith(PNG)


def decoder_of(gateway):
    """Give the process id of the gateway's one decoder."""
    children = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()
    (decoder,) = (
        int(child)
        for child in children
        if b"dicom_decoder" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return decoder


async def check_a_decoder_that_hangs_or_dies_is_survived(client, gateway):
    file = new_dicom(grey_of(SMALL))
    assert (await predict(client, file)).status_code == 200
    first = decoder_of(gateway)
    os.kill(first, signal.SIGSTOP)
    hanging = asyncio.create_task(predict(client, file))
    image = png_of(grey_of(SMALL))
    assert (await predict(client, image)).status_code == 200
    assert not hanging.done()
    assert ((await hanging).status_code, hanging.result().json()["code"]) == (422, "undecodable")
    assert (await predict(client, file)).status_code == 200
    second = decoder_of(gateway)
    os.kill(second, signal.SIGKILL)
    assert (await predict(client, file)).status_code == 200
    assert (await predict(client, file)).status_code == 200
    assert len({first, second, decoder_of(gateway)}) == 3


def broken():
    """Yield files that are cut short or have bits turned: always the same."""
    grey = np.asarray(Image.fromarray(grey_of(SMALL)).resize((96, 96)))
    syntaxes = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, *LOSSLESS_SYNTAXES)
    twelve = grey.astype(np.uint16) * 16
    files = [new_dicom(twelve, bits=12, syntax=syntax) for syntax in syntaxes]
    for number in range(BROKEN):
        chance = random.Random(number)
        file = bytearray(chance.choice(files))
        if number % 3 == 0:
            yield bytes(file[: chance.randrange(132, len(file))])
            continue
        end = len(file) if number % 3 == 1 else 1_500  # half of them in the head alone
        for _ in range(chance.choice((1, 4, 64))):
            file[chance.randrange(132, end)] ^= 1 << chance.randrange(8)
        yield bytes(file)


async def check_broken_files_are_refused_or_read(client):
    statuses = {(await predict(client, file)).status_code for file in broken()}
    assert {200, 422} <= statuses <= {200, 413, 415, 422}


async def everything_on_topics(kafka_settings):
    """Give every key, value and header that any topic holds."""
    found = []
    async with started(new_consumer(kafka_settings, client_id="reader")) as consumer:
        names = [topic.prefixed(kafka_settings.topic_prefix).name for topic in ALL_TOPICS]
        consumer.subscribe(names)
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=100)
        await consumer.seek_to_beginning()
        while batches := await consumer.getmany(timeout_ms=1_000):
            for records in batches.values():
                for record in records:
                    headers = [part for pair in record.headers for part in pair]
                    found += [record.key, record.value, *(str(part).encode() for part in headers)]
    return b"\n".join(part for part in found if part)


async def test_a_dicom_file_is_answered_like_its_picture_and_leaves_nothing_of_its_patient(
    stack, kafka_settings, tmp_path
):
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        assert (await predict(client, png_of(grey_of(SMALL)))).status_code == 200
        with contextlib.suppress(ValueError):
            pytest.fail(f"a decoder without a DICOM file: {decoder_of(stack.gateway)}")
        await check_every_form_gets_the_same_answer(client)
        await check_a_large_file_is_taken_bare_and_by_its_content(client)
        await check_what_cannot_be_taken_is_refused_with_its_reason(client)
        await check_v2_and_previews_have_the_same_image(client)
        await check_warnings_survive_and_the_report_is_had_everywhere(client)
        await check_labelled_files_are_stored_as_pictures(client, tmp_path / "registry")
        await check_a_decoder_that_hangs_or_dies_is_survived(client, stack.gateway)
        await check_broken_files_are_refused_or_read(client)
    said = await everything_on_topics(kafka_settings)
    assert said.count(PNG) > 20
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    for place, content in (("topics", said), *((path, path.read_bytes()) for path in written)):
        assert not [word for word in TELLING if word.encode() in content], place
        assert b"DICM" not in content, place
    assert "Traceback" not in stack.gateway.log
    assert await asyncio.to_thread(stack.gateway.stop) == 0
