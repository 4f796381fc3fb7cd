"""Decoders that die, hang and lie, and files that want too much; each in a real process."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
import uvloop

from gateway.adapters.dicom_processes import PROGRAM, DecoderLimits, DicomProcesses
from gateway.core.dicom import Rendered
from gateway.core.faults import Fault
from gateway.ports import DecoderBusyError
from shared.contracts.errors import ErrorCode
from shared.testing.dicom import new_dicom

MIB = 1024 * 1024
LIMITS = DecoderLimits(
    processes=1,
    waiting=2,
    timeout_s=3.0,
    memory_bytes=1024 * MIB,
    max_pixels=40_000_000,
    max_png_bytes=8 * MIB,
)
SLOW = 30
"""Seconds after which a test gives up, on a busy machine."""
PLANTED = """
import os, signal, sys, time
from gateway.adapters import dicom_decoder
from gateway.core.dicom import Rendered

def render(content):
    what = content.decode()
    if what == "hang": time.sleep(600)
    if what == "spin":
        while True: pass
    if what == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    if what == "raise": raise RuntimeError(what)
    if what == "print": os.write(1, b"x" * 99_999)
    if what == "write": open("/tmp/never", "wb").write(b"x")
    if what == "lie": return Rendered(b"", ("no word of ours",))
    if what == "flood": return Rendered(bytes(9 * 1024 * 1024), ())
    if what == "allocate": bytearray(2 * 1024 ** 3)
    return Rendered(f"{what} {os.getpid()} {sorted(os.environ)}".encode(), ())

dicom_decoder.bound(int(sys.argv[1]))
dicom_decoder.serve(render, cpu_s=float(sys.argv[2]))
"""
FAKE = (sys.executable, "-c", PLANTED)


@asynccontextmanager
async def decoders(program=FAKE, **changes):
    made = DicomProcesses(replace(LIMITS, **changes), program)
    try:
        async with asyncio.timeout(2 * SLOW):
            yield made
    finally:
        await made.close()


async def said(made, what):
    reply = await made.render(what.encode(), wait_s=SLOW)
    return reply.png.decode().split(" ")[:2] if isinstance(reply, Rendered) else reply.code


async def test_a_decoder_that_dies_hangs_or_lies_is_replaced_and_the_file_blamed():
    async with decoders() as made:
        _, before = await said(made, "good")
        assert await said(made, "good") == ["good", before]
        for what in ("crash", "hang", "lie", "flood"):
            assert await said(made, what) is ErrorCode.UNDECODABLE, what
            _, after = await said(made, "good")
            assert after != before, what
            before = after


async def test_a_file_is_not_blamed_for_a_decoder_that_was_dead_before_it_came():
    async with decoders() as made:
        _, before = await said(made, "good")
        os.kill(int(before), signal.SIGKILL)
        what, after = await said(made, "good")
        assert (what, after != before) == ("good", True)


def test_a_closed_pipe_is_a_dead_decoder_on_the_loop_that_gateways_run_on():
    async def render_after_close():
        async with decoders() as made:
            await said(made, "good")
            made._idle[0].stdin.transport.close()
            return await said(made, "good")

    assert uvloop.run(render_after_close())[0] == "good"


async def test_what_fails_inside_a_decoder_stays_there():
    async with decoders() as made:
        _, before = await said(made, "good")
        for what in ("raise", "allocate"):
            assert await said(made, what) is ErrorCode.UNDECODABLE, what
        assert await said(made, "print") == ["print", before]


async def test_the_kernel_ends_a_decoder_that_spins_with_no_gateway_left_to_do_so():
    async with decoders(timeout_s=1.0) as impatient:
        process = await impatient._start()
        process.stdin.write((4).to_bytes(8, "big") + b"spin")
        await process.stdin.drain()
        assert await asyncio.wait_for(process.wait(), SLOW) < 0
        await process.communicate()


async def test_a_decoder_is_told_no_secret(monkeypatch):
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "x")
    async with decoders() as made:
        reply = await made.render(b"good", wait_s=SLOW)
    assert b"KAFKA" not in reply.png
    assert b"PATH" in reply.png


async def test_who_finds_no_decoder_free_waits_and_too_many_are_turned_away():
    async with decoders(timeout_s=float(SLOW)) as made:
        await said(made, "good")
        hanging = asyncio.create_task(said(made, "hang"))
        await asyncio.sleep(0)
        with pytest.raises(DecoderBusyError):
            await made.render(b"good", wait_s=0.01)
        waiting = [asyncio.create_task(said(made, "good")) for _ in range(LIMITS.waiting)]
        await asyncio.sleep(0)
        with pytest.raises(DecoderBusyError):
            await made.render(b"good", wait_s=SLOW)
        # Nobody waits for it any more: its decoder is ended, and the others' turn has come.
        hanging.cancel()
        assert [what for what, _ in await asyncio.gather(*waiting)] == ["good", "good"]
        assert (await asyncio.gather(hanging, return_exceptions=True))[0].__class__ is (
            asyncio.CancelledError
        )


async def test_a_decoder_that_does_not_start_is_no_fault_of_the_file():
    async with decoders((sys.executable, "-c", "raise SystemExit(3)")) as made:
        with pytest.raises(DecoderBusyError):
            await made.render(b"good", wait_s=SLOW)


async def test_a_real_decoder_has_no_more_memory_than_it_is_given():
    file = new_dicom(np.zeros((5000, 5000), np.uint16))
    async with decoders(PROGRAM, timeout_s=float(SLOW)) as made:
        assert isinstance(await made.render(file, wait_s=SLOW), Rendered)
    async with decoders(PROGRAM, timeout_s=float(SLOW), memory_bytes=256 * MIB) as made:
        reply = await made.render(file, wait_s=SLOW)
        assert isinstance(reply, Fault)
        assert reply.code is ErrorCode.UNDECODABLE
