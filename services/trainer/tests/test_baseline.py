"""The bundle that the repository ships: whole, small, and what it says it is."""

import json
from pathlib import Path

import numpy as np
import pytest

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import GOLDENS_FILE, Manifest
from shared.contracts.evaluation import EVALUATION_FILE, Evaluation
from shared.domain_guard import load_domain_guard
from shared.input_features import FEATURES
from shared.preprocessing import decode_grey, normalise, preprocess
from trainer.adapters.headed_graph import read_headed
from trainer.adapters.read_graph import ReadGraph
from trainer.adapters.replay_file import load_replay
from trainer.core.figures import ThresholdRule
from trainer.core.probabilities import Calibrated
from trainer.core.replay import REPLAY_FILE
from trainer.core.strangers import Maker, invert, lay_on_its_side, make_gradient, scramble
from trainer.service.guarding import refused

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "models" / "baseline"
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return verify_bundle(BUNDLE)


@pytest.fixture(scope="module")
def engine(manifest: Manifest) -> ReadGraph:
    return ReadGraph(BUNDLE / manifest.engine.file)


def test_it_fits_into_twenty_megabytes(manifest: Manifest) -> None:
    assert sum(entry.size_bytes for entry in manifest.files.values()) <= 20_000_000


@pytest.mark.parametrize("name", ["baseline", "four-classes"])
def test_a_shipped_bundle_knows_how_bright_and_edgy_its_training_pictures_were(name: str) -> None:
    manifest = verify_bundle(BUNDLE.with_name(name))
    assert manifest.reference is not None
    assert set(manifest.reference.histograms) == set(FEATURES)
    for histogram in manifest.reference.histograms.values():
        images = manifest.metrics["train_examples"]
        assert sum(histogram.counts) == images
        assert histogram.counts == pytest.approx([images / 10] * 10, rel=0.03)


@pytest.mark.parametrize("name", ["baseline", "four-classes"])
def test_a_shipped_bundle_carries_what_its_validation_said(name: str) -> None:
    bundle = BUNDLE.with_name(name)
    manifest = verify_bundle(bundle)
    evaluation = Evaluation.model_validate_json((bundle / EVALUATION_FILE).read_bytes())
    assert evaluation.classes == manifest.classes
    assert len(evaluation.labels) == manifest.metrics["validation_examples"]
    # Of every picture, by the graph that is served: the very figures that training measured.
    for figure, value in evaluation.figures.items():
        assert value == manifest.metrics[f"validation_clean_{figure}"]
    for figure, (low, high) in evaluation.intervals.items():
        assert low <= evaluation.figures[figure] <= high


def test_it_remembers_enough_for_a_fast_training_and_within_four_megabytes(
    manifest: Manifest,
) -> None:
    assert manifest.files[REPLAY_FILE].size_bytes <= 4_000_000
    replay = load_replay(BUNDLE)
    assert replay.classes == manifest.classes
    assert len(replay.held) >= 1000
    for part in (replay.learned, replay.held, replay.looks, replay.parent):
        assert set(part.labels.tolist()) == set(range(len(manifest.classes)))
    assert not set(replay.learned.patients.tolist()) & set(replay.held.patients.tolist())
    head = read_headed(BUNDLE / manifest.engine.file).head
    # The shipped graph rounds its class maps; most answers are not touched by that.
    exact = head.logits(replay.held.features.astype(np.float32))
    assert (exact.argmax(axis=1) == replay.held.logits.argmax(axis=1)).mean() > 0.98


def test_its_goldens_are_reproduced(manifest: Manifest, engine: ReadGraph) -> None:
    with np.load(BUNDLE / GOLDENS_FILE) as goldens:
        images, inputs, logits = (goldens[name] for name in ("images", "inputs", "logits"))
    again = np.stack([normalise(image, manifest.preprocessing) for image in images])
    assert np.abs(again - inputs).max() < 1e-4
    answers = np.concatenate([one for (one,) in engine.ask((x[None] for x in inputs), "logits")])
    # int8 kernels differ between instruction sets.
    assert np.abs(answers - logits).max() < 0.25


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow")
def test_its_float_parent_gives_nearly_the_same_logits(engine: ReadGraph) -> None:
    import keras  # noqa: PLC0415

    with np.load(BUNDLE / GOLDENS_FILE) as goldens:
        inputs, logits = goldens["inputs"], goldens["logits"]
    parent = keras.models.load_model(BUNDLE / "model.keras")
    exact = np.asarray(parent(inputs)["logits"])
    assert np.corrcoef(exact.ravel(), logits.ravel())[0, 1] > 0.97


def test_its_guard_lets_samples_pass_and_refuses_what_is_made_of_them(
    manifest: Manifest, engine: ReadGraph
) -> None:
    guard = load_domain_guard(BUNDLE / "domain.npz")
    rng = np.random.default_rng(0)
    greys = [decode_grey(path.read_bytes(), manifest.preprocessing.size_px) for path in SAMPLES]

    def share_refused(make: Maker) -> float:
        made = [np.ascontiguousarray(make(grey, rng)) for grey in greys]
        inputs = np.stack([normalise(one, manifest.preprocessing) for one in made])
        ((features,),) = engine.ask([inputs], "domain")
        return refused(guard, features)

    assert share_refused(lambda grey, _: grey) == 0
    for make in (invert, scramble, lay_on_its_side, make_gradient):
        assert share_refused(make) == 1


def test_its_class_map_is_the_logit_spread_out(manifest: Manifest, engine: ReadGraph) -> None:
    assert manifest.engine.cam_output == "cam"
    with np.load(BUNDLE / GOLDENS_FILE) as goldens:
        ((cam, logits),) = engine.ask([goldens["inputs"]], "cam", "logits")
    assert cam.shape[1:] == (14, 14, len(manifest.classes))
    assert cam.mean(axis=(1, 2)) == pytest.approx(logits, abs=1e-3)


def test_its_card_says_what_it_is_for() -> None:
    card = json.loads((BUNDLE / "card.json").read_text())
    assert card["not_for_diagnosis"] is True
    assert card["test"]["intervals"]["auc"]


def test_there_are_samples_of_every_class(manifest: Manifest) -> None:
    labels = {path.name.split("-composite-")[0] for path in SAMPLES}
    assert labels == set(manifest.classes)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_what_its_name_says(path: Path, manifest: Manifest, engine: ReadGraph) -> None:
    inputs = preprocess(path.read_bytes(), manifest.preprocessing)[None]
    ((logits,),) = engine.ask([inputs], "logits")
    calibration = manifest.calibration
    calibrated = Calibrated(calibration.temperature, calibration.bias)
    reference = manifest.classes.index(manifest.decision.reference_class)
    rule = ThresholdRule(reference, manifest.decision.threshold)
    (said,) = rule.decide(calibrated.probabilities(logits))
    assert manifest.classes[said] == path.name.split("-composite-")[0]
