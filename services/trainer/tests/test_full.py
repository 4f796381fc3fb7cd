"""A full training: a folder and uploads, the current bundle's recipe, the same gate."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.bundle_files import verify_bundle
from shared.clock import SystemClock
from shared.contracts.dataset import DatasetImage, DatasetSnapshot
from shared.contracts.train import Job
from shared.testing.bundles import sha256_hex
from trainer.adapters.line_progress import LineProgress
from trainer.adapters.replay_file import load_replay
from trainer.adapters.stored_images import StoredImages
from trainer.core.holdback import hold_back
from trainer.core.orders import CANDIDATE, ORDER_FILE, RESULT_FILE, JobOrder, JobResult, read_line
from trainer.core.phantoms import draw_phantom
from trainer.core.recipe import Learning, Recipe
from trainer.main.job import run_job
from trainer.main.training import TrainingRun, train_bundle
from trainer.service.bundling import Origin

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]
SIZE_PX = 64
LOOKS = {"clear": (0.0, 0), "white": (0.8, 0)}
EACH = 20


class Silent:
    def expect(self, steps: int) -> None: ...

    def stage(self, name: str) -> None: ...

    def advance(self, steps: int) -> None: ...

    def learned(self, epochs: object) -> None: ...


def draw(opacity: float, patches: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    picture = draw_phantom(rng, opacity=opacity, patches=patches, size_px=96)
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Done:
    result: JobResult
    candidate: Path
    parent: Path
    uploads: tuple[DatasetImage, ...]
    lines: list[str]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Train a parent on a folder; then, in full, on the folder and uploads of one class more."""
    import keras  # noqa: PLC0415

    root = tmp_path_factory.mktemp("full")
    shape = (SIZE_PX, SIZE_PX, 3)
    weights = root / "backbone.weights.h5"
    keras.utils.set_random_seed(0)
    keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=None).save_weights(
        weights
    )
    for number, (label, look) in enumerate(LOOKS.items()):
        (root / "images" / label).mkdir(parents=True)
        for seed in range(EACH):
            content = draw(*look, seed=1000 * number + seed)
            (root / "images" / label / f"{seed}.png").write_bytes(content)
    learning = Learning(epochs=1, batch=16, rate=1e-5, probe_strength=0.1)
    recipe = Recipe(size_px=SIZE_PX, validation_share=0.3, calibration_images=12, learning=learning)
    origin = Origin("drawn", "parent", "test", 0, 1)
    run = TrainingRun(root / "images", root / "parent", weights, root / "cache", recipe, origin)
    train_bundle(run, Silent())
    return _full(root, weights)


def _full(root: Path, weights: Path) -> Done:
    images, stored = [], StoredImages(root / "uploads")
    for seed in range(30):
        content = draw(0.2, 9, seed=9000 + seed)
        stored.store(sha256_hex(content), content)
        fields: dict[str, Any] = {"label": "patchy", "patient": None, "source": "upload"}
        fields |= {"content_type": "image/png", "size_bytes": len(content), "created_at_ms": 1}
        images.append(DatasetImage(sha256=sha256_hex(content), **fields))
    images.sort(key=lambda one: one.sha256)
    folder = root / "job"
    folder.mkdir()
    job = Job(
        id="j-1", mode="full", policy="auto", seed=0, state="running",
        requested_at_ms=1, updated_at_ms=1,
    )  # fmt: skip
    order = JobOrder(
        job=job,
        snapshot=DatasetSnapshot(sha256="0" * 64, images=tuple(images)),
        current_sha256="0" * 64,
        bundle=str(root / "parent"),
        images=str(root / "uploads"),
        cache=str(root / "cache"),
        version="child",
        code_version="test",
        ordered_at_ms=7,
        data=str(root / "images"),
        weights=str(weights),
    )
    (folder / ORDER_FILE).write_bytes(order.to_bytes())
    told = io.StringIO()
    run_job(folder, LineProgress(told, SystemClock()))
    result = JobResult.model_validate_json((folder / RESULT_FILE).read_bytes())
    lines = told.getvalue().splitlines()
    return Done(result, folder / CANDIDATE, root / "parent", tuple(images), lines)


def test_the_candidate_is_a_whole_bundle_of_all_classes(done: Done) -> None:
    assert done.result.error is None
    manifest = verify_bundle(done.candidate)
    assert manifest.classes == ("clear", "white", "patchy")
    assert manifest.version == "child"
    assert manifest.lineage.parent == "parent"
    assert manifest.decision.reference_class == "clear"
    assert set(manifest.files) == set(verify_bundle(done.parent).files)


def test_the_gate_judged_it_on_what_neither_model_learned(done: Done) -> None:
    gate = done.result.gate
    assert gate is not None
    held = load_replay(done.parent).held
    names = [one.sha256 for one in done.uploads]
    back = int(hold_back(np.zeros(len(names), np.int64), names).sum())
    assert gate.images == len(held) + back
    checks = {check.name for check in gate.checks}
    assert {"accuracy_difference_lower", "int8_accuracy_drop", "golden_error"} <= checks
    assert {"recall_difference_clear", "recall_difference_white", "recall_patchy"} <= checks


def test_what_was_held_out_stays_so(done: Done) -> None:
    before, after = load_replay(done.parent), load_replay(done.candidate)
    assert not set(after.learned.pictures.tolist()) & set(before.held.pictures.tolist())
    assert set(before.held.pictures.tolist()) <= set(after.held.pictures.tolist())
    names = np.array([one.sha256 for one in done.uploads])
    back = names[hold_back(np.zeros(len(names), np.int64), names.tolist())].tolist()
    kept = {*after.learned.pictures.tolist(), *after.held.pictures.tolist()}
    assert not kept & set(back)
    assert after.knows(names, ["patchy"] * len(names)).all()
    assert set(after.learned.labels.tolist()) == {0, 1, 2}


def test_progress_names_the_epochs_and_then_the_gate(done: Done) -> None:
    assert any("fine-tuning, epoch" in line for line in done.lines)
    assert '"evaluating"' in done.lines[-1]


def test_progress_tells_the_curves_as_they_grow(done: Done) -> None:
    lines = [line for text in done.lines if (line := read_line(text.encode())) is not None]
    history = json.loads((done.candidate / "history.json").read_text())["epochs"]
    assert [epoch.model_dump() for epoch in lines[-1].curves] == history
    told = [len(line.curves) for line in lines]
    assert set(told) == set(range(len(history) + 1))
    assert told == sorted(told)
