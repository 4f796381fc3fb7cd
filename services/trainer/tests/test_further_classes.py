"""A class from a folder of its own: learned in part, judged on the part that was kept."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from trainer.__main__ import app
from trainer.core.dataset import TooFewError
from trainer.core.phantoms import draw_phantom
from trainer.core.recipe import Learning, Recipe
from trainer.core.report import FURTHER_WARNING
from trainer.main.folder import evaluate_bundle, keep_report
from trainer.main.report import report_on, write_full_report
from trainer.main.seeds import write_summary
from trainer.main.source import Beside
from trainer.main.training import TrainingRun, train_bundle
from trainer.service.bundling import Origin

pytestmark = [
    pytest.mark.timeout(600),
    # Keras asks NumPy for views in the old way.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]

LEARNING = Learning(epochs=1, batch=16, rate=1e-5, probe_strength=0.1)
RECIPE = Recipe(size_px=64, validation_share=0.3, calibration_images=12, learning=LEARNING)


class Silent:
    """Nobody waits."""

    def expect(self, steps: int) -> None:
        pass

    def stage(self, name: str) -> None:
        pass

    def advance(self, steps: int) -> None:
        pass

    def learned(self, epochs: object) -> None:
        pass


@dataclass(frozen=True)
class Made:
    run: TrainingRun
    manifest: Manifest


def draw(folder: Path, *, opacity: float, patches: int, each: int, seed: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(each):
        picture = draw_phantom(rng, opacity=opacity, patches=patches, size_px=64)
        Image.fromarray(picture).save(folder / f"{seed}-{number}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("further")
    draw(root / "images" / "normal", opacity=0, patches=0, each=12, seed=0)
    draw(root / "images" / "patchy", opacity=0.2, patches=8, each=12, seed=1)
    draw(root / "white", opacity=0.8, patches=0, each=20, seed=2)
    rows = "\n".join(f"2-{number},patient {number // 2}" for number in range(20))
    (root / "patients.csv").write_text(f"image,patient\n{rows}\n")
    run = TrainingRun(
        images=root / "images",
        out=root / "bundle",
        weights=None,
        cache=root / "cache",
        recipe=RECIPE,
        origin=Origin("drawn", "1", "test", 0, 1_000),
        beside=Beside({"white": root / "white"}, root / "patients.csv"),
    )
    return Made(run, train_bundle(run, Silent()))


def test_the_bundle_knows_the_class_and_says_where_it_came_from(made: Made) -> None:
    assert verify_bundle(made.run.out).classes == ("normal", "patchy", "white")
    kept = json.loads((made.run.out / "kept.json").read_text())
    # Three of ten patients, two pictures each.
    assert {name: len(hashes) for name, hashes in kept.items()} == {"white": 6}
    assert made.manifest.metrics["train_examples"] + made.manifest.metrics[
        "validation_examples"
    ] == (24 + 14)
    assert "white: from another source" in (made.run.out / "card.md").read_text()


def test_it_is_judged_on_what_was_kept_and_each_source_apart(made: Made, tmp_path: Path) -> None:
    draw(tmp_path / "new" / "normal", opacity=0, patches=0, each=5, seed=7)
    draw(tmp_path / "new" / "patchy", opacity=0.2, patches=8, each=5, seed=8)
    evaluated = evaluate_bundle(made.run.out, tmp_path / "new", Silent(), beside=made.run.beside)
    evaluation = evaluated.evaluation
    assert (evaluation.examples, evaluation.patients) == (16, 13)
    parts = {part.name: part for part in evaluation.sources}
    assert (parts["the folder"].examples, parts["white"].examples) == (10, 6)
    assert parts["white"].patients == 3
    assert "specificity" not in parts["white"].figures
    keep_report(made.run.out, evaluated, docs=tmp_path / "docs", on_card=False)
    assert FURTHER_WARNING in (tmp_path / "docs" / "evaluation.md").read_text()


def test_it_is_judged_on_a_folder_that_lacks_the_class(made: Made, tmp_path: Path) -> None:
    draw(tmp_path / "normal", opacity=0, patches=0, each=5, seed=7)
    draw(tmp_path / "patchy", opacity=0.2, patches=8, each=5, seed=8)
    evaluation = evaluate_bundle(made.run.out, tmp_path, Silent()).evaluation
    assert evaluation.examples == 10
    assert evaluation.sources == ()
    assert "recall_white" not in evaluation.figures
    assert "recall_patchy" in evaluation.figures


def test_bundles_are_compared_on_the_same_pictures(made: Made, tmp_path: Path) -> None:
    draw(tmp_path / "some" / "normal", opacity=0, patches=0, each=5, seed=7)
    draw(tmp_path / "some" / "patchy", opacity=0.2, patches=8, each=5, seed=8)
    draw(tmp_path / "others" / "normal", opacity=0, patches=0, each=5, seed=9)
    some, others = (
        evaluate_bundle(made.run.out, tmp_path / name, Silent()) for name in ("some", "others")
    )
    rows = write_summary([some, some], tmp_path / "docs", "Looked once.")
    accuracy = next(row for row in rows if row.figure == "class_accuracy")
    assert accuracy.each == (accuracy.median,) * 2
    assert accuracy.interval == pytest.approx(some.evaluation.intervals["class_accuracy"])
    assert "Looked once." in (tmp_path / "docs" / "seeds.md").read_text()
    with pytest.raises(TooFewError, match="same pictures"):
        write_summary([some, others], tmp_path / "docs", "")


def test_a_full_report_is_of_one_bundle(made: Made) -> None:
    bundle, folder = str(made.run.out), str(made.run.images)
    told = CliRunner().invoke(app, ["evaluate", bundle, bundle, folder, "--full"])
    assert told.exit_code == 2
    assert "describe one bundle" in told.output


def test_it_is_not_judged_on_a_class_that_it_does_not_know(made: Made, tmp_path: Path) -> None:
    draw(tmp_path / "tuberculosis", opacity=0, patches=0, each=2, seed=7)
    with pytest.raises(TooFewError, match="the bundle knows normal, patchy, white"):
        evaluate_bundle(made.run.out, tmp_path, Silent())


def test_the_full_report_blacks_the_lungs_out(made: Made, tmp_path: Path) -> None:
    draw(tmp_path / "new" / "normal", opacity=0, patches=0, each=5, seed=7)
    draw(tmp_path / "new" / "patchy", opacity=0.2, patches=8, each=5, seed=8)
    (tmp_path / "odd" / "white pages").mkdir(parents=True)
    Image.new("L", (64, 64), 255).save(tmp_path / "odd" / "white pages" / "1.png")
    report = report_on(
        made.run.out,
        tmp_path / "new",
        Silent(),
        train=made.run.images,
        beside=made.run.beside,
        strangers=tmp_path / "odd",
    )
    assert {one.kind: one.pictures for one in report.strangers}["white pages"] == 1
    assert {(one.judge, one.view) for one in report.blackouts} == {
        (judge, view)
        for judge in ("served model", "probe")
        for view in ("whole picture", "lungs blacked out", "lungs alone")
    }
    assert all(set(one.auc) == {"normal", "patchy", "white"} for one in report.blackouts)
    assert [g.name for g in report.groups if g.kind == "source"] == ["the folder", "white"]
    write_full_report(report, tmp_path / "docs")
    text = (tmp_path / "docs" / "report.md").read_text()
    assert "## Lungs blacked out" in text
    assert FURTHER_WARNING in text
