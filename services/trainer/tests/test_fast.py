"""A fast training, from its order to a judged candidate, on drawn chests."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.bundle_files import verify_bundle
from shared.clock import SystemClock
from shared.contracts.bundle import GOLDENS_FILE, Manifest
from shared.contracts.evaluation import EVALUATION_FILE, Evaluation
from shared.contracts.train import GateCheck, Job
from trainer.adapters.headed_graph import read_headed
from trainer.adapters.line_progress import LineProgress
from trainer.adapters.replay_file import load_replay
from trainer.adapters.stored_images import StoredImages
from trainer.core.heads import LinearHead
from trainer.core.orders import CANDIDATE, ORDER_FILE, RESULT_FILE, JobOrder, JobResult
from trainer.main.job import run_job
from trainer.service.candidates import golden_error

KNOWN = ("clear", "patchy", "white")


@pytest.fixture
def run(tiny_bundle: Path, tmp_path: Path) -> Callable[..., tuple[JobResult, Path]]:
    """Give a function that does a job on uploads and gives result and folder."""

    def work(uploads: Any, **changes: Any) -> tuple[JobResult, Path]:
        folder = tmp_path / changes.pop("name", "job")
        folder.mkdir()
        images = StoredImages(tmp_path / "images")
        for sha256, content in uploads.contents.items():
            assert images.store(sha256, content)
        mode = changes.pop("mode", "fast")
        job = Job(
            id="job-1", mode=mode, policy="auto", seed=0, state="running",
            requested_at_ms=1, updated_at_ms=1,
        )  # fmt: skip
        order = JobOrder(
            job=job,
            snapshot=uploads.snapshot(),
            current_sha256="0" * 64,
            bundle=str(changes.pop("bundle", tiny_bundle)),
            images=str(tmp_path / "images"),
            cache=str(tmp_path / "cache"),
            version="child",
            code_version="test",
            ordered_at_ms=7,
        )
        (folder / ORDER_FILE).write_bytes(order.to_bytes())
        run_job(folder, LineProgress(io.StringIO(), SystemClock()))
        return JobResult.model_validate_json((folder / RESULT_FILE).read_bytes()), folder

    return work


def checks_of(result: JobResult) -> dict[str, GateCheck]:
    assert result.gate is not None, result.error
    return {check.name: check for check in result.gate.checks}


def labels(each: int) -> list[str]:
    return [label for label in KNOWN for _ in range(each)]


def test_new_pictures_of_known_classes_make_an_accepted_candidate(
    run: Callable[..., Any], draw_uploads: Callable[..., Any], tiny_bundle: Path
) -> None:
    uploads = draw_uploads(labels(30))
    result, folder = run(uploads)
    assert result.gate is not None
    assert result.gate.accepted, [one for one in result.gate.checks if not one.passed]
    assert result.gate.current_version == "parent"
    manifest = verify_bundle(folder / CANDIDATE)
    assert manifest.version == "child"
    assert manifest.classes == KNOWN
    assert manifest.lineage.parent == "parent"
    assert manifest.lineage.data_sha256 == uploads.snapshot().sha256
    assert manifest.lineage.trained_at_ms == 7
    held_back = result.metrics["uploads_held_back"]
    assert held_back + result.metrics["uploads_learned"] == 90
    assert 10 <= held_back <= 45
    assert result.gate.images == 120 + held_back
    parent = verify_bundle(tiny_bundle)
    assert manifest.files["model.bin"] != parent.files["model.bin"]
    assert manifest.reference == parent.reference is not None
    evaluation = Evaluation.model_validate_json((folder / CANDIDATE / EVALUATION_FILE).read_bytes())
    assert len(evaluation.labels) == result.gate.images
    assert evaluation.figures["ece"] == manifest.metrics["validation_clean_ece"]


def test_the_network_is_the_same_and_its_head_another(
    run: Callable[..., Any], draw_uploads: Callable[..., Any], tiny_bundle: Path
) -> None:
    _, folder = run(draw_uploads(labels(30)))
    parent, child = (read_headed(one / "model.xml") for one in (tiny_bundle, folder / CANDIDATE))
    assert parent.fingerprint == child.fingerprint
    assert np.abs(parent.head.kernel - child.head.kernel).max() > 1e-3
    with np.load(folder / CANDIDATE / GOLDENS_FILE) as goldens:
        inputs, logits = goldens["inputs"], goldens["logits"]
    ((ours, features, cam),) = child.ask([inputs], "logits", "features", "cam")
    assert ours == pytest.approx(logits, abs=1e-4)
    assert child.head.logits(features) == pytest.approx(ours, abs=1e-4)
    assert cam.mean(axis=(1, 2)) == pytest.approx(ours, abs=1e-4)


def test_shuffled_labels_are_refused_by_name(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    true = labels(60)
    told = np.random.default_rng(3).permutation(true).tolist()
    result, folder = run(draw_uploads(true, told=told))
    checks = checks_of(result)
    assert result.gate is not None
    assert not result.gate.accepted
    assert not checks["upload_label_agreement"].passed
    assert checks["upload_label_agreement"].value < 0.3
    # Kept, to be looked at.
    assert verify_bundle(folder / CANDIDATE).version == "child"


def test_a_new_class_is_learned_and_the_old_ones_are_not_forgotten(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    result, folder = run(draw_uploads(["striped"] * 60))
    assert result.gate is not None
    assert result.gate.accepted, [one for one in result.gate.checks if not one.passed]
    manifest = verify_bundle(folder / CANDIDATE)
    assert manifest.classes == (*KNOWN, "striped")
    assert len(manifest.calibration.bias) == 4
    checks = checks_of(result)
    assert checks["recall_striped"].value > 0.8
    for name in KNOWN:
        assert checks[f"recall_difference_{name}"].value >= -0.03
    # From now on it is remembered like the others.
    replay = load_replay(folder / CANDIDATE)
    assert replay.classes == manifest.classes
    assert set(replay.learned.labels.tolist()) == set(replay.held.labels.tolist()) == {0, 1, 2, 3}


def test_a_second_training_builds_on_the_first(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    _, folder = run(draw_uploads(["striped"] * 60))
    uploads = draw_uploads([*labels(20), *["striped"] * 10], seed=900)
    result, second = run(uploads, name="second", bundle=folder / CANDIDATE)
    assert result.gate is not None
    assert result.gate.accepted, [one for one in result.gate.checks if not one.passed]
    assert checks_of(result)["recall_difference_striped"].value >= -0.03
    assert verify_bundle(second / CANDIDATE).lineage.parent == "child"


def test_pictures_of_nothing_under_a_new_name_are_refused(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    result, _ = run(draw_uploads(labels(20), told=["striped"] * 60))
    assert result.gate is not None
    assert not result.gate.accepted


def test_what_is_held_back_is_never_learned(
    run: Callable[..., Any], draw_uploads: Callable[..., Any], tiny_bundle: Path
) -> None:
    before = load_replay(tiny_bundle)
    _, folder = run(draw_uploads(labels(30)))
    after = load_replay(folder / CANDIDATE)
    assert not set(after.learned.pictures.tolist()) & set(after.held.pictures.tolist())
    assert set(before.held.pictures.tolist()) <= set(after.held.pictures.tolist())
    assert len(after.held) > len(before.held)


def test_an_upload_that_is_remembered_as_held_out_is_judged_once_and_not_learned(
    run: Callable[..., Any], draw_uploads: Callable[..., Any], tiny_bundle: Path
) -> None:
    # The very pictures that the bundle was made of, and some that are new.
    same, new = draw_uploads(["clear"] * 40, seed=0), draw_uploads(labels(10))
    uploads = replace(
        new, images=(*new.images, *same.images), contents=new.contents | same.contents
    )
    before = load_replay(tiny_bundle)
    held = set(before.held.pictures.tolist()) & set(same.contents)
    assert held
    result, folder = run(uploads)
    assert result.gate is not None
    after = load_replay(folder / CANDIDATE)
    assert not held & set(after.learned.pictures.tolist())
    fresh_held = set(after.held.pictures.tolist()) - set(before.held.pictures.tolist())
    assert result.gate.images == len(before.held) + len(fresh_held)


def test_goldens_tell_another_network_and_another_preprocessing(tiny_bundle: Path) -> None:
    graph = read_headed(tiny_bundle / "model.xml")
    spec = verify_bundle(tiny_bundle).preprocessing
    assert golden_error(tiny_bundle, graph, spec) < 1e-4
    other = LinearHead(graph.head.kernel, graph.head.bias + np.array([3, 0, 0], np.float32))
    assert golden_error(tiny_bundle, graph.with_head(other), spec) > 0.2
    assert golden_error(tiny_bundle, graph, spec.model_copy(update={"target_std": 60.0})) == 1.0


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / CANDIDATE).iterdir()}


def test_the_same_order_gives_the_same_bytes_and_known_features_are_not_computed_again(
    run: Callable[..., Any], draw_uploads: Callable[..., Any], tmp_path: Path
) -> None:
    uploads = draw_uploads(labels(15))
    _, first = run(uploads)
    (shard,) = (tmp_path / "cache").rglob("*.npz")
    made = shard.stat().st_mtime_ns
    _, second = run(uploads, name="again")
    assert files_of(first) == files_of(second)
    assert [one.stat().st_mtime_ns for one in (tmp_path / "cache").rglob("*.npz")] == [made]


def test_a_bundle_without_memory_fails_with_one_sentence(
    run: Callable[..., Any], draw_uploads: Callable[..., Any], tiny_bundle: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    manifest = Manifest.model_validate_json((tiny_bundle / "manifest.json").read_bytes())
    files = {name: one for name, one in manifest.files.items() if name != "replay.npz"}
    for name in files:
        (bare / name).write_bytes((tiny_bundle / name).read_bytes())
    stored = json.loads(manifest.model_copy(update={"files": files}).model_dump_json())
    (bare / "manifest.json").write_text(json.dumps(stored))
    result, _ = run(draw_uploads(labels(5)), bundle=bare)
    assert result.error is not None
    assert "holds no replay memory" in result.error
    assert str(tmp_path) not in result.error


def test_nothing_to_learn_from_fails_with_one_sentence(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    result, _ = run(draw_uploads([]))
    assert result.error == "There is no upload that can be read."


def joined(first: Any, second: Any) -> Any:
    contents = first.contents | second.contents
    return replace(first, images=(*first.images, *second.images), contents=contents)


def test_what_was_learned_once_is_kept_and_not_learned_again(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    first = draw_uploads(labels(20))
    result, folder = run(first)
    again, _ = run(first, name="again", bundle=folder / CANDIDATE)
    assert again.error is not None
    assert "the current model has not met" in again.error
    both = joined(first, draw_uploads(labels(10), seed=500))
    more, last = run(both, name="more", bundle=folder / CANDIDATE)
    assert more.metrics["uploads_learned"] <= 30
    assert more.metrics["uploads_held_back"] > result.metrics["uploads_held_back"]
    learned = set(load_replay(folder / CANDIDATE).learned.pictures.tolist())
    assert learned <= set(load_replay(last / CANDIDATE).learned.pictures.tolist())


def test_old_uploads_do_not_vouch_for_fresh_ones(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    first = draw_uploads(labels(60))
    _, folder = run(first)
    true = labels(30)
    told = np.random.default_rng(3).permutation(true).tolist()
    both = joined(first, draw_uploads(true, told=told, seed=500))
    result, _ = run(both, name="more", bundle=folder / CANDIDATE)
    assert not checks_of(result)["upload_label_agreement"].passed


def test_a_full_training_that_is_not_configured_fails_with_one_sentence(
    run: Callable[..., Any], draw_uploads: Callable[..., Any]
) -> None:
    result, _ = run(draw_uploads(labels(5)), mode="full")
    assert result.error is not None
    assert "PNEUMO_TRAINER_DATA and PNEUMO_TRAINER_WEIGHTS" in result.error
