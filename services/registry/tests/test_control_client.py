"""The client of gateway and trainer, against the registry it was written for."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from registry.adapters.uploads_memory import MemoryUploads
from registry.ports import UploadRecord
from shared.contracts.train import Claim, EpochFigures, GateReport, JobOutcome, JobReport, NewJob
from shared.control_client import ControlClient, ControlRefusedError
from shared.testing.bundles import sha256_hex

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]
Fill = Callable[..., Any]

ID = "01234567-89ab-7def-8123-456789abcdef"
OTHER_ID = "01234567-89ab-7def-8123-456789abcde0"
CLAIM = Claim(holder="t", ttl_s=60)
CURVES = (EpochFigures(epoch=1, loss=0.9, validation={"loss": 0.8, "accuracy": 0.7}),)
REPORT = JobReport(holder="t", ttl_s=60, state="running", progress=0.75, curves=CURVES)
LATER = JobReport(holder="t", ttl_s=60, state="evaluating", progress=0.9)
GATE = GateReport(accepted=True, checks=(), current_version="v1", images=9)
OUTCOME = JobOutcome(holder="t", state="succeeded", gate=GATE, model_version="v2")


async def test_a_job_as_gateway_and_trainer_see_it(
    registry: Registry, fill: Fill, add_model: AddModel
) -> None:
    async with registry() as http:
        control = ControlClient(http)
        for version in ("v1", "v2"):
            await add_model(http, version)
        await control.promote("v1")
        with pytest.raises(ControlRefusedError) as refused:
            await control.create_job(NewJob(id=ID))
        assert (refused.value.status, refused.value.code) == (422, "too_few_data")
        await fill(http, 4)
        queued, created = await control.create_job(NewJob(id=ID))
        assert created
        assert await control.create_job(NewJob(id=ID)) == (queued, False)
        assert (await control.jobs_and_modes()).modes is None
        assert await control.claimable_jobs(("fast",)) == [queued]
        listed = await control.jobs_and_modes()
        assert (listed.jobs, listed.modes) == ((queued,), ("fast",))
        assert (await control.lease_job(ID, CLAIM)).state == "running"
        assert await control.claimable_jobs(()) == []
        assert (await control.report_job(ID, REPORT)).progress == 0.75
        assert (await control.job(ID)).curves == CURVES
        # What is said after training, and without its epochs, takes none of them away.
        assert (await control.report_job(ID, LATER)).curves == CURVES
        ended = await control.finish_job(ID, OUTCOME)
        assert ended.curves == CURVES
        assert ended == await control.job(ID) == (await control.jobs())[0]
        assert (await control.current_model()).version == "v2"
        await fill(http, 4)
        await control.create_job(NewJob(id=OTHER_ID))
        assert (await control.cancel_job(OTHER_ID)).state == "cancelled"
        assert (await control.model_insights("v2", 0.5)).validation is None
        with pytest.raises(ControlRefusedError) as missing:
            await control.job("../models")
        assert missing.value.code in ("malformed_request", "not_found")


async def test_the_dataset_as_gateway_and_trainer_see_it(
    registry: Registry,
    fill: Fill,
    uploads: MemoryUploads,
    upload: Callable[..., UploadRecord],
) -> None:
    sha256 = sha256_hex(b"NORMAL 0")
    async with registry() as http:
        control = ControlClient(http)
        await fill(http, 2)
        uploads.records.append(upload(b"NORMAL 0", "viral"))
        async with asyncio.timeout(10):
            while not (await control.dataset()).conflicts:
                await asyncio.sleep(0.01)
        assert (await control.dataset_image(sha256)).conflict == ("viral",)
        assert len((await control.snapshot()).images) == 1
        assert (await control.dataset_insights()).classes == ("NORMAL",)
        assert (await control.relabel_image(sha256, "viral")).conflict == ()
        snapshot = await control.snapshot()
        assert {image.label for image in snapshot.images} == {"NORMAL", "viral"}
        assert await control.image_bytes(sha256) == b"NORMAL 0"
        await control.delete_image(sha256)
        await control.delete_image(sha256)
        assert (await control.dataset()).total == 1
        with pytest.raises(ControlRefusedError) as gone:
            await control.image_bytes(sha256)
        assert (gone.value.status, gone.value.code) == (404, "not_found")
