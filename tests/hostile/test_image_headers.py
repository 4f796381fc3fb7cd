"""No image holds up the event loop, or a decoder, for longer than an ordinary one does."""

import io
import time

import pytest
from PIL import Image

from gateway.core.faults import Fault
from gateway.core.tensors import TensorError
from gateway.service.batches import encode_all
from gateway.service.inspection import inspect_image
from shared.contracts.errors import ErrorCode
from shared.preprocessing import ImageError, check_header, decode_grey
from shared.testing import hostile_images as hostile
from shared.testing.images import new_jpeg

FLOODS = {
    "exif segments": hostile.with_exif_flood(60_000),
    "comments": hostile.with_comment_flood(2_090_000),
    "restart markers": hostile.with_restart_flood(4_180_000),
    "fill bytes": hostile.with_fill_flood(8_000_000),
    "png chunks": hostile.with_chunk_flood(690_000),
    "png pixel chunks": hostile.with_pixel_chunk_flood(690_000),
    "gif sub-blocks": hostile.with_sub_block_flood(4_180_000),
    "tiff tags": hostile.with_tag_flood(60_000),
    "tiff strips": hostile.with_strip_flood(2_000_000),
}
SCAN_FLOODS = {
    "first scans": hostile.progressive_scan_flood(300, refining=False),
    "refinements": hostile.progressive_scan_flood(300),
    "few passes too many": hostile.progressive_scan_flood(20),
    "arithmetic code": hostile.progressive_scan_flood(1, marker=0xCA),
    "runs of a bmp": hostile.new_run_length_bmp(),
}


def cpu_s_of(data: bytes) -> float:
    """Return the CPU time of the check, the least of three: a busy machine makes it no longer."""
    taken = []
    for _ in range(3):
        started = time.process_time()
        with pytest.raises(ImageError):
            check_header(data)
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.parametrize("name", [*FLOODS, *SCAN_FLOODS])
def test_a_flood_is_refused_at_once(name):
    assert cpu_s_of((FLOODS | SCAN_FLOODS)[name]) < 0.02


@pytest.mark.parametrize("name", [*FLOODS, *SCAN_FLOODS])
def test_a_flood_is_refused_on_every_way_in(name):
    data = (FLOODS | SCAN_FLOODS)[name]
    refused = inspect_image(data)
    assert isinstance(refused, Fault)
    assert refused.code is ErrorCode.UNDECODABLE
    with pytest.raises(TensorError) as tensor:
        encode_all([data], max_bytes=16 * 1024 * 1024)
    assert tensor.value.code is ErrorCode.UNDECODABLE
    with pytest.raises(ImageError) as decoded:
        decode_grey(data, 224)
    assert decoded.value.code is ErrorCode.UNDECODABLE


def test_bytes_that_are_no_marker_are_passed_over_at_once():
    jpeg = hostile.with_junk_flood(8_000_000)
    started = time.process_time()
    check_header(jpeg)
    assert time.process_time() - started < 0.1
    assert decode_grey(jpeg, 224).tolist() == decode_grey(new_jpeg(), 224).tolist()


def test_the_usual_scans_of_a_large_colour_jpeg_are_taken():
    buffer = io.BytesIO()
    Image.new("RGB", (7_000, 4_500)).save(buffer, "JPEG", progressive=True)
    check_header(buffer.getvalue())


def test_compressed_text_is_not_unpacked():
    png = hostile.with_text_bomb(64 * 1024 * 1024)
    assert decode_grey(png, 224).max() == 0
