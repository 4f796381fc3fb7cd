"""A disk that fills while an upload is written."""

import resource
from contextlib import contextmanager

import pytest

from gateway.adapters.spool import new_spool
from gateway.ports import SpoolFullError
from shared.testing.images import new_jpeg

ROOM_BYTES = 300_000


@contextmanager
def a_full_disk(room_bytes):
    """Let a file of this process have so many bytes: what goes beyond is written in part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_does_not_fit_is_an_error_and_never_a_part_of_it():
    with new_spool() as spool, a_full_disk(ROOM_BYTES):
        spool.append(b"a" * 200_000)
        with pytest.raises(SpoolFullError):
            spool.append(b"b" * 200_000)
        assert spool.read(0, 200_000) == b"a" * 200_000


async def test_good_images_are_not_called_bad_for_want_of_room(controlling, registry):
    image = new_jpeg() + b"\x00" * ROOM_BYTES  # what follows a JPEG's end is nobody's business
    async with controlling(registry.url) as client:
        form = {"data": {"label": "NORMAL"}, "files": [("files", ("a.jpeg", image, "image/jpeg"))]}
        with a_full_disk(ROOM_BYTES):
            refused = await client.post("/v1/uploads", **form)
        after = await client.post("/v1/uploads", **form)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert "disk" in refused.json()["detail"]
    assert refused.headers["Retry-After"]
    assert after.status_code == 202, after.text
