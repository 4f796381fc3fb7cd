"""Pictures on their way to the process that measures them."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from registry.adapters.measuring_process import MeasuringProcess
from registry.ports import ArtifactsUnavailableError, MeasuredImage
from shared.testing.hostile_images import SIDE_PX, new_blank_png


def _drawn() -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((600, 600), 40).save(stream, "PNG")  # more than a pipe holds
    return stream.getvalue()


async def test_files_that_come_slowly_do_not_hold_it_up() -> None:
    async def slowly() -> AsyncIterator[MeasuredImage]:
        for _ in range(2):
            yield MeasuredImage(_drawn(), "viral")
        yield MeasuredImage(b"no picture", "viral")
        await asyncio.sleep(3600)

    async with asyncio.timeout(90):
        found = await MeasuringProcess(seconds=4, start_and_end_s=60).measure(["viral"], slowly())
    assert (found.measured, found.left_out, found.complete) == (2, 1, False)


async def test_nothing_is_asked_for_when_the_time_is_up() -> None:
    asked = 0

    async def many() -> AsyncIterator[MeasuredImage]:
        nonlocal asked
        content = _drawn()
        while True:
            asked += 1
            yield MeasuredImage(content, "viral")

    async with asyncio.timeout(30):
        found = await MeasuringProcess(seconds=0.2).measure(["viral"], many())
    assert not found.complete
    assert found.measured <= asked <= found.measured + 3  # what the pipes hold


async def test_files_that_fail_are_no_measures() -> None:
    async def failing() -> AsyncIterator[MeasuredImage]:
        yield MeasuredImage(_drawn(), "viral")
        raise ArtifactsUnavailableError("gone")

    with pytest.raises(ArtifactsUnavailableError):
        await MeasuringProcess(seconds=1.0).measure(["viral"], failing())


def _program(*changes: str) -> tuple[str, ...]:
    """Run the process with something changed, and as fast as the test itself."""
    lines = ("import os", "from registry.adapters import measuring", "os.nice = abs", *changes)
    return sys.executable, "-c", "\n".join((*lines, "measuring.main()"))


@pytest.mark.parametrize(
    ("changes", "measured"), [((), 2), (("measuring.MEMORY_BYTES = 80 << 20",), 1)]
)
async def test_an_image_beyond_the_memory_bound_is_left_out(changes, measured) -> None:
    async def pictures() -> AsyncIterator[MeasuredImage]:
        yield MeasuredImage(new_blank_png("RGBA", 5_792), "viral")  # the worst that is decoded
        yield MeasuredImage(
            new_blank_png("RGBA", SIDE_PX), "viral"
        )  # too large for the header's reader
        yield MeasuredImage(_drawn(), "viral")

    program = _program(*changes)
    async with asyncio.timeout(100):
        found = await MeasuringProcess(seconds=90.0, program=program).measure(["viral"], pictures())
    assert (found.measured, found.left_out) == (measured, 3 - measured)
