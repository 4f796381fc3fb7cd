"""What pages show of the dataset and of a model, over HTTP, from real files."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from registry.adapters.uploads_memory import MemoryUploads
from shared.contracts.insights import DatasetInsights, ModelInsights
from shared.testing.bundles import sha256_hex

BASELINE = Path(__file__).parents[3] / "models" / "baseline"


def drawn(level: float, seed: int) -> bytes:
    pixels = np.random.default_rng(seed).normal(level, 12, (240, 300)).clip(0, 255)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


async def insights(http: httpx.AsyncClient) -> DatasetInsights:
    response = await http.get("/v1/dataset/insights")
    assert response.status_code == 200, response.text
    return DatasetInsights.model_validate_json(response.content)


async def wait_for(http: httpx.AsyncClient, total: int) -> None:
    async with asyncio.timeout(30):
        while (await http.get("/v1/dataset")).json()["total"] < total:
            await asyncio.sleep(0.01)


async def test_an_empty_dataset_says_so(registry: Callable[..., Any]) -> None:
    async with registry() as http:
        found = await insights(http)
    assert (found.images, found.measured, found.classes) == (0, 0, ())
    assert found.complete
    assert found.distribution is found.samples is found.intensity is found.edge_density is None


async def test_the_stored_images_are_counted_sampled_and_measured(
    registry: Callable[..., Any], uploads: MemoryUploads, upload: Callable[..., Any]
) -> None:
    bright = [drawn(150, seed) for seed in range(8)]
    dark = [drawn(90, seed) for seed in range(100, 104)]
    records = [upload(one, "viral") for one in bright] + [upload(one, "NORMAL") for one in dark]
    uploads.records += [*records, upload(b"no picture", "NORMAL")]
    async with registry() as http:
        await wait_for(http, 13)
        found = await insights(http)
        snapshot = (await http.get("/v1/dataset/snapshot")).json()
        # A label that nobody trains with is nobody's business either.
        uploads.records.append(upload(bright[0], "NORMAL"))
        async with asyncio.timeout(30):
            while (await http.get("/v1/dataset")).json()["conflicts"] < 1:
                await asyncio.sleep(0.01)
        later = await insights(http)
    assert found.snapshot_sha256 == snapshot["sha256"]
    assert found.classes == ("NORMAL", "viral")
    assert (found.images, found.measured, found.left_out, found.complete) == (13, 12, 1, True)
    assert found.distribution is not None
    assert found.distribution.counts == (5, 8)
    assert "viral is the largest class with 8 of 13" in found.distribution.interpretation
    assert found.samples is not None
    assert [len(one) for one in found.samples.images] == [5, 6]
    assert set(found.samples.images[1]) <= {sha256_hex(one) for one in bright}
    assert found.intensity is not None
    assert [one.pictures for one in found.intensity.spreads] == [4, 8]
    assert [one.mean for one in found.intensity.spreads] == pytest.approx([90, 150], abs=1)
    assert "viral is the brightest class" in found.intensity.interpretation
    assert len(found.intensity.edges) == 33
    assert [sum(one) for one in found.intensity.histograms] == pytest.approx([1, 1], abs=1e-4)
    assert found.edge_density is not None
    assert later.images == 12
    assert later.snapshot_sha256 != found.snapshot_sha256


async def test_a_look_that_has_no_time_counts_all_the_same(
    registry: Callable[..., Any], fill: Callable[..., Any]
) -> None:
    async with registry(measuring_s=1e-9) as http:
        await fill(http, 5)
        found = await insights(http)
    assert (found.images, found.measured, found.complete) == (5, 0, False)
    assert found.distribution is not None
    assert found.intensity is None


async def told(http: httpx.AsyncClient, version: str, **params: Any) -> ModelInsights:
    response = await http.get(f"/v1/models/{version}/insights", params=params)
    assert response.status_code == 200, response.text
    return ModelInsights.model_validate_json(response.content)


async def test_the_shipped_model_tells_what_it_is_worth(registry: Callable[..., Any]) -> None:
    manifest = json.loads((BASELINE / "manifest.json").read_bytes())
    card = json.loads((BASELINE / "card.json").read_bytes())
    async with registry(seed_bundle=BASELINE, max_artifact_bytes=2**25) as http:
        found = await told(http, manifest["version"])
        rare = await told(http, manifest["version"], prevalence=0.1)
    assert found.trained_on is not None
    assert [one.images for one in found.trained_on.classes] == [1340, 2512, 1338]
    assert "bacterial is the largest class" in found.trained_on.interpretation
    assert found.curves is not None
    assert found.curves.epochs == tuple(range(1, 11))
    validation, test = found.validation, found.test
    assert validation is not None
    assert validation.examples == manifest["metrics"]["validation_examples"]
    finding = validation.targets[0]
    assert [one.name for one in validation.targets] == ["finding", *found.classes]
    # Out of rounded answers, the figures that training measured on exact ones.
    chosen = finding.chosen
    assert chosen is not None
    for name in ("sensitivity", "specificity"):
        assert getattr(chosen, name) == validation.figures[name]
    assert finding.roc is not None
    assert finding.roc.auc == pytest.approx(validation.figures["auc"], abs=2e-5)
    table = validation.confusion.table
    right = sum(table[n][n] for n in range(3)) / validation.examples
    assert right == pytest.approx(validation.figures["class_accuracy_at_rule"], abs=1e-5)
    assert "bacterial is the largest class with 2,512 of 5,190" in found.trained_on.interpretation
    assert "right for 840 of 1,037 pictures" in validation.confusion.interpretation
    assert str(validation.patients) not in validation.note  # readers have both counts as fields
    assert "bacterial is taken for viral: 89 of 507" in validation.confusion.interpretation
    assert test is not None
    assert test.figures == card["test"]["figures"]
    assert "specificity 85.7 % (81.1 to 90.1)" in test.interpretation
    assert "Validation's specificity of 98.1 % lies above" in test.interpretation
    assert rare.validation is not None
    there = rare.validation.targets[0].chosen
    assert there is not None
    assert rare.validation.prevalence == 0.1
    assert there.sensitivity == chosen.sensitivity
    assert there.ppv == pytest.approx(0.1 * 0.94798 / (0.1 * 0.94798 + 0.9 * 0.01866), abs=1e-3)


async def test_a_bundle_that_tells_nothing_is_no_error(
    registry: Callable[..., Any], add_model: Callable[..., Any]
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
        found = await told(http, "v1")
    assert found.trained_on is found.curves is found.validation is found.test is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models/none/insights", (404, "not_found")),
        ("/v1/models/v1/insights?prevalence=0", (400, "malformed_request")),
        ("/v1/models/v1/insights?prevalence=nan", (400, "malformed_request")),
    ],
)
async def test_what_cannot_be_told_is_a_problem(
    registry: Callable[..., Any], problem_of: Callable[..., Any], path: str, expected: Any
) -> None:
    async with registry() as http:
        assert problem_of(await http.get(path)) == expected


def test_the_registry_itself_loads_no_pixels() -> None:
    # Its memory is bounded: what looks at pictures is a process of its own.
    heavy = "{'numpy', 'PIL', 'simplejpeg', 'scipy', 'sklearn'}"
    seen = f"import sys, registry.main; print(sorted({heavy} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, check=True, text=True)
    assert told.stdout.strip() == "[]"
