"""The typical journey: a folder of drawn chests becomes a bundle that a worker would take."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import GOLDENS_FILE, Manifest
from shared.contracts.evaluation import EVALUATION_FILE, Evaluation
from shared.domain_guard import load_domain_guard
from shared.insights.curves import read_curves
from shared.preprocessing import normalise
from trainer.adapters.read_graph import ReadGraph
from trainer.core.arrays import Floats, Grey
from trainer.core.evaluation_report import FullReport
from trainer.core.evaluation_text import PLOTS
from trainer.core.phantoms import draw_phantom
from trainer.core.recipe import Learning, Recipe
from trainer.core.replay import ReplayError
from trainer.core.strangers import invert, scramble
from trainer.main.folder import evaluate_bundle, keep_report
from trainer.main.reference import refer_bundle
from trainer.main.replay import remember_bundle
from trainer.main.report import report_on, write_full_report
from trainer.main.training import TrainingRun, train_bundle
from trainer.service.bundling import Origin, write_manifest
from trainer.service.guarding import refused

pytestmark = [
    # Keras asks NumPy for views in the old way.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]

SIZE_PX = 64
# A random network bears no more than a whisper of a learning rate.
LEARNING = Learning(epochs=2, batch=16, rate=1e-5, probe_strength=0.1)
RECIPE = Recipe(size_px=SIZE_PX, validation_share=0.3, calibration_images=24, learning=LEARNING)
LOOKS = {"clear": (0.0, 0), "patchy": (0.2, 8), "white": (0.8, 0)}


class Silent:
    """Nobody waits; what was said is kept."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.expected = 0
        self.done = 0

    def expect(self, steps: int) -> None:
        self.expected = steps

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def advance(self, steps: int) -> None:
        self.done += steps

    def learned(self, epochs: object) -> None: ...


@dataclass(frozen=True)
class Made:
    run: TrainingRun
    manifest: Manifest
    progress: Silent


def draw_folder(folder: Path, *, each: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for label, (opacity, patches) in LOOKS.items():
        (folder / label).mkdir(parents=True)
        for number in range(each):
            picture = draw_phantom(rng, opacity=opacity, patches=patches, size_px=96)
            Image.fromarray(picture).save(folder / label / f"{number}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("training")
    draw_folder(root / "images", each=20, seed=0)
    run = TrainingRun(
        images=root / "images",
        out=root / "bundle",
        weights=None,
        cache=root / "cache",
        recipe=RECIPE,
        origin=Origin("drawn", "1", "test", 0, 1_000),
    )
    progress = Silent()
    return Made(run, train_bundle(run, progress), progress)


def inputs_of(bundle: Path) -> tuple[Floats, Floats]:
    with np.load(bundle / GOLDENS_FILE) as goldens:
        return goldens["inputs"], goldens["logits"]


def test_the_bundle_is_whole_and_says_what_it_is(made: Made) -> None:
    manifest = verify_bundle(made.run.out)
    assert manifest == made.manifest
    assert manifest.classes == ("clear", "patchy", "white")
    assert manifest.lineage.seed == 0
    assert set(manifest.files) == {
        "card.json",
        "card.md",
        "domain.npz",
        "evaluation.json",
        "goldens.npz",
        "history.json",
        "model.bin",
        "model.keras",
        "model.xml",
        "recipe.json",
        "replay.npz",
    }
    assert manifest.engine.cam_output == "cam"
    assert manifest.engine.precision == "int8"
    assert manifest.domain is not None
    assert manifest.reference is not None
    for histogram in manifest.reference.histograms.values():
        assert sum(histogram.counts) == manifest.metrics["train_examples"]


def test_it_carries_what_validation_said(made: Made) -> None:
    stored = (made.run.out / EVALUATION_FILE).read_bytes()
    evaluation = Evaluation.model_validate_json(stored)
    assert evaluation.classes == made.manifest.classes
    assert len(evaluation.labels) == made.manifest.metrics["validation_examples"]
    for figure, value in evaluation.figures.items():
        assert value == pytest.approx(made.manifest.metrics[f"validation_clean_{figure}"], abs=1e-5)


def test_its_history_has_every_epoch(made: Made) -> None:
    curves = read_curves(made.run.out / "history.json")
    assert len(curves.loss) == LEARNING.epochs
    assert curves.validation["balanced_accuracy"][-1] > 0.4


def test_the_goldens_are_reproduced_from_their_images(made: Made) -> None:
    with np.load(made.run.out / GOLDENS_FILE) as goldens:
        images, inputs, logits = (goldens[name] for name in ("images", "inputs", "logits"))
    again = np.stack([normalise(image, made.manifest.preprocessing) for image in images])
    assert (again == inputs).all()
    engine = ReadGraph(made.run.out / made.manifest.engine.file)
    answers = np.concatenate([one for (one,) in engine.ask((x[None] for x in inputs), "logits")])
    assert answers == pytest.approx(logits, abs=1e-4)


def test_the_class_map_is_the_logit_spread_out(made: Made) -> None:
    inputs, _ = inputs_of(made.run.out)
    ((cam, logits, domain),) = ReadGraph(made.run.out / "model.xml").ask(
        [inputs], "cam", "logits", "domain"
    )
    assert cam.shape == (len(inputs), SIZE_PX // 16, SIZE_PX // 16, 3)
    assert cam.mean(axis=(1, 2)) == pytest.approx(logits, abs=1e-4)
    assert domain.shape == (len(inputs), 256)


def test_the_guard_lets_radiographs_pass_and_knows_strangers(made: Made) -> None:
    rng = np.random.default_rng(7)
    chests = [
        draw_phantom(rng, opacity=opacity, patches=patches, size_px=SIZE_PX)
        for opacity, patches in list(LOOKS.values()) * 10
    ]
    guard = load_domain_guard(made.run.out / "domain.npz")
    engine = ReadGraph(made.run.out / "model.xml")

    def share_refused(greys: list[Grey]) -> float:
        inputs = np.stack([normalise(grey, made.manifest.preprocessing) for grey in greys])
        ((features,),) = engine.ask([inputs], "domain")
        return refused(guard, features)

    passed = share_refused(chests)
    assert passed < 0.3
    # Of a random network and forty pictures no more can be asked; see test_baseline.
    assert share_refused([invert(grey, rng) for grey in chests]) > 0.8
    assert share_refused([scramble(grey, rng) for grey in chests]) > passed + 0.2


def test_the_float_parent_and_the_served_graph_agree(made: Made) -> None:
    import keras  # noqa: PLC0415

    inputs, logits = inputs_of(made.run.out)
    parent = keras.models.load_model(made.run.out / "model.keras")
    exact = np.asarray(parent(inputs)["logits"])
    # int8 rounds a random network harshly; a wrong weight anywhere would leave no likeness.
    assert np.corrcoef(exact.ravel(), logits.ravel())[0, 1] > 0.85


def test_new_pictures_are_told_apart(made: Made, tmp_path: Path) -> None:
    draw_folder(tmp_path / "new", each=10, seed=99)
    evaluation = evaluate_bundle(made.run.out, tmp_path / "new", Silent()).evaluation
    assert evaluation.figures["class_accuracy"] > 0.6
    assert evaluation.figures["auc"] > 0.8
    low, high = evaluation.intervals["class_accuracy"]
    assert low <= evaluation.figures["class_accuracy"] <= high
    assert sum(map(sum, evaluation.confusion)) == 30


def test_a_report_reaches_the_documents_and_the_card(made: Made, tmp_path: Path) -> None:
    bundle = shutil.copytree(made.run.out, tmp_path / "bundle")
    evaluated = evaluate_bundle(bundle, made.run.images, Silent(), note="First look.")
    keep_report(bundle, evaluated, docs=tmp_path / "docs", on_card=True)
    assert "First look." in (tmp_path / "docs" / "evaluation.md").read_text()
    assert "First look." in (bundle / "card.md").read_text()
    assert json.loads((bundle / "card.json").read_text())["test"]["examples"] == 60
    assert verify_bundle(bundle).classes == made.manifest.classes


@pytest.fixture(scope="module")
def report(made: Made, tmp_path_factory: pytest.TempPathFactory) -> FullReport:
    folder = tmp_path_factory.mktemp("report") / "new"
    draw_folder(folder, each=10, seed=99)
    return report_on(made.run.out, folder, Silent(), train=made.run.images, note="First look.")


def test_a_full_report_measures_every_part(report: FullReport) -> None:
    assert report.basis.figures["auc"] == pytest.approx(report.ranking.roc[0].area)
    assert sum(map(sum, report.basis.binary_confusion)) == report.basis.examples == 30
    assert len(report.robustness) == 10 * 3
    assert {one.severity for one in report.robustness} == {1, 2, 3}
    kinds = {one.kind: one for one in report.strangers}
    assert kinds["photographs and their quarters"].pictures > 50
    assert kinds["blank"].flagged == 1
    assert kinds["this folder's radiographs, inverted"].auroc > 0.9
    assert [one.name for one in report.shifts][:3] == list(report.basis.classes)
    parts = {kind: [g for g in report.groups if g.kind == kind] for kind in ("series", "look")}
    assert all(sum(sum(g.counts) for g in groups) == 30 for groups in parts.values())
    assert report.maskings["all"].images == 30
    likenesses = {one.what: one.median for one in report.randomised}
    assert likenesses["float parent"] > 0.9
    assert abs(likenesses["all weights randomised"]) < 0.9
    right = report.basis.figures["class_accuracy_at_rule"]
    assert len(report.mistakes) == round((1 - right) * 30)
    assert all(0 <= one.index < 30 and one.truth != one.said for one in report.mistakes)


def files_of(folder: Path) -> dict[Path, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in paths}


def test_a_full_report_is_written_alike_each_time(report: FullReport, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_full_report(report, tmp_path / name)
    first, second = (files_of(tmp_path / name) for name in ("one", "two"))
    assert first == second
    assert {path.stem for path in first} == {"report", *PLOTS}
    assert max(map(len, first.values())) < 100_000
    text = (tmp_path / "one" / "report.md").read_text()
    assert "First look." in text
    for name in PLOTS:
        assert f"(plots/{name}.svg)" in text
    assert json.loads((tmp_path / "one" / "report.json").read_text())["basis"]["examples"] == 30


def test_a_full_report_without_the_training_folder_has_no_shift(
    report: FullReport, tmp_path: Path
) -> None:
    write_full_report(replace(report, shifts=(), strangers=()), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "How far" not in text
    assert "Out of domain" not in text


def test_the_bar_is_filled_by_what_was_done(made: Made) -> None:
    assert made.progress.done >= made.progress.expected > 0


def test_the_same_seed_gives_the_same_bytes_and_the_cache_is_used(made: Made) -> None:
    cached = sorted(made.run.cache.rglob("*.np?"))
    before = [path.stat().st_mtime_ns for path in cached]
    # The clean view and an augmented one an epoch, the held pictures, the weights; no checkpoint.
    assert len(cached) == 1 + LEARNING.epochs + 1 + 1
    assert not list(made.run.cache.rglob("*.checkpoint"))
    progress = Silent()
    again = train_bundle(made.run, progress)
    assert again.files == made.manifest.files
    assert [path.stat().st_mtime_ns for path in cached] == before
    assert "linear probe" not in progress.stages
    assert sorted(made.run.cache.rglob("*.np?")) == cached


def test_lost_weights_are_trained_again_to_the_same_bytes(made: Made) -> None:
    (weights,) = made.run.cache.rglob("*.npz")
    weights.unlink()
    again = train_bundle(made.run, Silent())
    for name in ("model.keras", "history.json"):
        assert again.files[name] == made.manifest.files[name]


def test_a_memory_added_later_is_the_one_that_training_made(made: Made, tmp_path: Path) -> None:
    again, _ = remember_bundle(made.run.out, made.run.images, tmp_path / "again", Silent())
    assert again == made.manifest
    assert verify_bundle(tmp_path / "again") == made.manifest


def test_a_reference_added_later_is_the_one_that_training_made(made: Made, tmp_path: Path) -> None:
    bare = shutil.copytree(made.run.out, tmp_path / "bare")
    write_manifest(bare, made.manifest.model_copy(update={"reference": None}))
    assert verify_bundle(bare).reference is None
    assert refer_bundle(bare, made.run.images, bare, Silent()) == made.manifest
    assert verify_bundle(bare) == made.manifest


def test_a_memory_of_other_pictures_is_refused(made: Made, tmp_path: Path) -> None:
    draw_folder(tmp_path / "other", each=6, seed=5)
    with pytest.raises(ReplayError, match="was not made from these 18 pictures"):
        remember_bundle(made.run.out, tmp_path / "other", tmp_path / "out", Silent())
    with pytest.raises(ReplayError, match="was not made from these 18 pictures"):
        refer_bundle(made.run.out, tmp_path / "other", tmp_path / "out", Silent())
    assert not (tmp_path / "out").exists()
