"""The typical journey: a folder of drawn chests becomes a bundle that a worker would take."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import GOLDENS_FILE, Manifest
from shared.preprocessing import normalise
from trainer.adapters.feature_files import FeatureFiles
from trainer.adapters.read_graph import ReadGraph
from trainer.core.arrays import Floats
from trainer.core.phantoms import draw_phantom
from trainer.core.recipe import Recipe
from trainer.main.folder import evaluate_bundle
from trainer.main.training import TrainingRun, train_bundle
from trainer.service.bundling import Origin

pytestmark = [
    # Keras asks NumPy for views in the old way.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]

SIZE_PX = 64
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
        recipe=Recipe(size_px=SIZE_PX, views=1, validation_share=0.3, calibration_images=24),
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
    assert {"model.xml", "model.bin", "model.keras", "goldens.npz", "card.md"} <= set(
        manifest.files
    )


def test_the_goldens_are_reproduced_from_their_images(made: Made) -> None:
    with np.load(made.run.out / GOLDENS_FILE) as goldens:
        images, inputs, logits = (goldens[name] for name in ("images", "inputs", "logits"))
    again = np.stack([normalise(image, made.manifest.preprocessing) for image in images])
    assert (again == inputs).all()
    engine = ReadGraph(made.run.out / made.manifest.engine.file)
    answers = np.concatenate(list(engine.logits(one[None] for one in inputs)))
    assert answers == pytest.approx(logits, abs=1e-4)


def test_the_class_map_is_the_logit_spread_out(made: Made) -> None:
    import openvino as ov  # noqa: PLC0415

    inputs, _ = inputs_of(made.run.out)
    model = ov.Core().read_model(made.run.out / "model.xml")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = compiled({0: inputs})
    cam, logits = answers["cam"], answers["logits"]
    assert cam.shape == (len(inputs), 3, SIZE_PX // 32, SIZE_PX // 32)
    assert cam.mean(axis=(2, 3)) == pytest.approx(logits, abs=1e-4)


def test_the_float_parent_and_the_served_graph_agree(made: Made) -> None:
    import keras  # noqa: PLC0415

    inputs, logits = inputs_of(made.run.out)
    parent = keras.models.load_model(made.run.out / "model.keras")
    exact = np.asarray(parent(inputs)["logits"])
    # int8 rounds a random network harshly; a wrong weight anywhere would leave no likeness.
    assert np.corrcoef(exact.ravel(), logits.ravel())[0, 1] > 0.85


def test_new_pictures_are_told_apart(made: Made, tmp_path: Path) -> None:
    draw_folder(tmp_path / "new", each=10, seed=99)
    _, _, evaluation = evaluate_bundle(made.run.out, tmp_path / "new", Silent())
    assert evaluation.figures["class_accuracy"] > 0.6
    assert evaluation.figures["auc"] > 0.8
    assert sum(map(sum, evaluation.confusion)) == 30


def test_the_bar_is_filled_by_what_was_done(made: Made) -> None:
    assert made.progress.done >= made.progress.expected > 0


def test_the_same_seed_gives_the_same_bytes_and_the_cache_is_used(made: Made) -> None:
    shards = sorted(made.run.cache.rglob("*.npz"))
    before = [path.stat().st_mtime_ns for path in shards]
    again = train_bundle(made.run, Silent())
    assert again.files == made.manifest.files
    assert sorted(made.run.cache.rglob("*.npz")) == shards
    assert [path.stat().st_mtime_ns for path in shards] == before
    assert FeatureFiles(made.run.cache / "features").load("nothing") == {}
