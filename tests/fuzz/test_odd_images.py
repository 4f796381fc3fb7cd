"""A thousand malformed images, and odd ones that are valid, through the real path."""

import asyncio
import io
import random
import struct
import zlib
from collections import Counter
from pathlib import Path

import httpx
import pytest
from PIL import Image, PngImagePlugin

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpeg"))
SMALL = [path for path in SAMPLES if "224px" in path.name]
LARGE = next(path for path in SAMPLES if "1024px" in path.name)
COUNT = 1_000
LOSSLESS, LOSSY = 0.005, 0.1
"""How far a probability may be from that of the plain image."""
AT_ONCE = 8
CODES = {"undecodable", "unsupported_media_type", "too_many_pixels", "too_large", "empty_file"}
MAGICS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"RIFF",
    b"%PDF-1.7",
)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
ROTATED = 6  # EXIF: turn clockwise by a quarter to see it upright


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_png_chunk(png, name, body):
    """Put a chunk behind IHDR."""
    return png[:33] + chunk(name, body) + png[33:]


def with_size(data, kind, width_px, height_px):
    """Claim other dimensions than the pixels have."""
    if kind == "PNG":
        ihdr = struct.pack(">II", width_px, height_px) + data[24:29]
        return data[:8] + chunk(b"IHDR", ihdr) + data[33:]
    if kind == "BMP":
        return data[:18] + struct.pack("<ii", width_px, height_px) + data[26:]
    if kind == "GIF":
        return data[:6] + struct.pack("<HH", width_px & 0xFFFF, height_px & 0xFFFF) + data[10:]
    at = data.index(b"\xff\xc0") + 5
    size = struct.pack(">HH", height_px & 0xFFFF, width_px & 0xFFFF)
    return data[:at] + size + data[at + 4 :]


def truncated(chance, data, _):
    return data[: chance.randrange(0, int(len(data) * 0.9))], True


def flipped(chance, data, _):
    broken = bytearray(data)
    for _ in range(chance.choice((1, 4, 64, 1024))):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken), False


def mislabelled(chance, data, _):
    magic = chance.choice(MAGICS)
    return magic + data[12:], True


def giant(chance, data, kind):
    if kind not in ("PNG", "BMP", "JPEG"):
        kind, data = "PNG", encoded(Image.new("L", (8, 8)), "PNG")
    side_px = chance.choice((30_000, 60_000, 65_535))
    return with_size(data, kind, side_px, side_px), True


def empty(chance, data, kind):
    if kind not in ("PNG", "BMP", "JPEG"):
        kind, data = "PNG", encoded(Image.new("L", (8, 8)), "PNG")
    return with_size(data, kind, *chance.choice(((0, 224), (224, 0), (0, 0)))), True


def noise(chance, _, __):
    return chance.choice((b"", *MAGICS)) + chance.randbytes(chance.randrange(2_000)), True


def spliced(chance, data, _):
    other = chance.choice(SMALL).read_bytes()
    cut = chance.randrange(len(data))
    return data[:cut] + other[chance.randrange(len(other)) :], False


def zeroed(chance, data, _):
    start = chance.randrange(len(data))
    return data[:start] + bytes(len(data) - start), False


def text_bomb(chance, _, __):
    png = encoded(Image.new("L", (64, 64)), "PNG")
    bomb = b"k\0\0" + zlib.compress(bytes(chance.choice((2, 64)) * 1024 * 1024))
    return with_png_chunk(png, b"zTXt", bomb), False


BREAKERS = (
    *(truncated, truncated, flipped, flipped, flipped),
    *(mislabelled, giant, empty, noise, spliced, zeroed, text_bomb),
)


def malformed():
    """Yield (name, bytes, must be refused): always the same thousand."""
    sources = [
        (kind, encoded(Image.open(path).convert("L"), kind)) for path in SMALL for kind in FORMATS
    ]
    for number in range(COUNT):
        chance = random.Random(number)
        breaker = BREAKERS[number % len(BREAKERS)]
        kind, data = chance.choice(sources)
        broken, is_hopeless = breaker(chance, data, kind)
        yield f"{number} {breaker.__name__} {kind}", broken, is_hopeless


def palette(image):
    grey = image.convert("P")
    grey.putpalette([level for level in range(256) for _ in range(3)])
    grey.putdata(image.tobytes())
    return grey


def sixteen_bit(image):
    wide = b"".join(struct.pack("<H", level * 257) for level in image.tobytes())
    return Image.frombytes("I;16", image.size, wide)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def lossless(image):
    """Yield the same pixels in every odd form that keeps them."""
    png = encoded(image, "PNG")
    frames = [Image.new("L", image.size, level) for level in (0, 255)]
    noted = PngImagePlugin.PngInfo()
    noted.add_text("Comment", "x" * 500_000)
    on_its_side = image.transpose(Image.Transpose.ROTATE_90)
    yield "16 bit", encoded(sixteen_bit(image), "PNG")
    yield "16 bit tiff", encoded(sixteen_bit(image), "TIFF")
    yield "palette", encoded(palette(image), "PNG")
    yield "rgb", encoded(image.convert("RGB"), "PNG")
    yield "opaque alpha", encoded(image.convert("RGBA"), "PNG")
    yield "grey and alpha", encoded(image.convert("LA"), "PNG")
    yield "cmyk", encoded(image.convert("CMYK"), "TIFF")
    yield "animated gif", encoded(image, "GIF", save_all=True, append_images=frames)
    yield (
        "animated webp",
        encoded(image.convert("RGB"), "WEBP", save_all=True, append_images=frames, lossless=True),
    )
    yield "animated png", encoded(image, "PNG", save_all=True, append_images=frames)
    yield "rotated", encoded(on_its_side, "PNG", exif=exif(ROTATED))
    yield "rotated tiff", encoded(on_its_side, "TIFF", exif=exif(ROTATED))
    yield "huge metadata", encoded(image, "PNG", pnginfo=noted)
    yield "appended garbage", png + random.Random(0).randbytes(100_000)
    yield "lzw", encoded(image, "TIFF", compression="tiff_lzw")
    yield "bmp", encoded(image, "BMP")


def lossy(path, image):
    """Yield what another encoder would have made of it."""
    jpeg = path.read_bytes()
    comment = b"\xff\xfe\xff\xff" + b"c" * 0xFFFD
    yield "progressive", encoded(image, "JPEG", quality=95, progressive=True)
    yield "cmyk jpeg", encoded(image.convert("CMYK"), "JPEG", quality=95)
    yield "jpeg with garbage", jpeg + b"\x00garbage" * 1_000
    yield "jpeg with 3 MiB of comments", jpeg[:2] + comment * 48 + jpeg[2:]
    rotated = image.transpose(Image.Transpose.ROTATE_90)
    yield "rotated jpeg", encoded(rotated, "JPEG", quality=95, exif=exif(ROTATED))
    yield "webp", encoded(image, "WEBP", quality=95)


async def predict(client, data):
    """Ask until there is room: on a busy machine a gateway may say that it is full."""
    files = {"file": ("chest", data, "application/octet-stream")}
    while True:
        response = await client.post("/v1/predictions", files=files, headers={"Prefer": "wait=60"})
        if response.status_code != 503 or response.json()["code"] != "overloaded":
            return response
        await asyncio.sleep(int(response.headers["retry-after"]))


def open_client(stack):
    return httpx.AsyncClient(base_url=stack.gateway.url, timeout=90)


async def test_a_thousand_malformed_images_are_each_refused_or_read(stack):
    places = asyncio.Semaphore(AT_ONCE)
    pids = [process.pid for process in stack.processes]

    async def judge(client, name, data, is_hopeless):
        async with places:
            response = await predict(client, data)
        body = response.json()
        assert response.status_code in ({413, 415, 422, 400} | ({200} - {200 * is_hopeless})), (
            name,
            body,
        )
        if response.is_success:
            return "read"
        assert response.headers["content-type"] == "application/problem+json", name
        assert body["code"] in CODES, (name, body)
        assert "Traceback" not in response.text, name
        return body["code"]

    async with open_client(stack) as client:
        said = Counter(await asyncio.gather(*(judge(client, *each) for each in malformed())))
        assert (await predict(client, SMALL[0].read_bytes())).status_code == 200
    assert said.total() == COUNT
    assert said["undecodable"] > 200
    assert said["too_many_pixels"] > 20
    for process, pid in zip(stack.processes, pids, strict=True):
        await asyncio.to_thread(process.wait_ready)
        assert process.pid == pid
        assert "Traceback" not in process.log


async def test_odd_but_valid_images_get_the_answer_of_the_plain_one(stack):
    places = asyncio.Semaphore(AT_ONCE)

    async def judge(client, plain, name, data, tolerance):
        async with places:
            response = await predict(client, data)
        body = response.json()
        assert response.status_code == 200, (name, body)
        assert body["label"] == plain["label"], (name, body)
        assert body["probabilities"] == pytest.approx(plain["probabilities"], abs=tolerance), name

    async with open_client(stack) as client:
        for path in (*SMALL, LARGE):
            image = Image.open(path).convert("L")
            plain = (await predict(client, encoded(image, "PNG"))).json()
            assert path.name.startswith(plain["label"])
            forms = [(*form, LOSSLESS) for form in lossless(image)]
            forms += [(*form, LOSSY) for form in lossy(path, image)]
            await asyncio.gather(*(judge(client, plain, *form) for form in forms))
