"""`data split` and `data insights` on folders whose truth is known."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from trainer.__main__ import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class ill is brighter by 30; four pictures of every patient, in the public set's names."""
    rng = np.random.default_rng(0)
    root = tmp_path / "images"
    for number in range(40):
        person, grey = number // 4, 100 + rng.normal(0, 4)
        names = {
            f"NORMAL/IM-{person:04}-{number:04}.png": grey,
            f"PNEUMONIA/person{person}_virus_{number}.png": grey + 30,
            f"PNEUMONIA/person{person + 100}_bacteria_{number}.png": grey,
        }
        for name, level in names.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(rng.normal(level, 6, (48, 48)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
    return root


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["data", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_holdout_keeps_patients_whole(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "split.csv"
    said = run("split", str(folder), "--out", str(out), "--share", "0.3")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {row["part"] for row in rows} == {"train", "validation"}
    patients = {(row["patient"], row["part"]) for row in rows}
    assert len(patients) == len({patient for patient, _ in patients}) == 30
    kept = [row for row in rows if row["part"] == "validation"]
    assert len(kept) == 36
    assert "validation: 36 pictures" in said
    assert sorted({row["class"] for row in kept}) == ["NORMAL", "bacterial", "viral"]
    assert (folder / rows[0]["file"]).is_file()


def test_folds_are_even_and_keep_patients_whole(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds.json"
    run("split", str(folder), "--out", str(out), "--folds", "5")
    pictures = json.loads(out.read_text())["pictures"]
    assert len(pictures) == 120
    folds = {f"fold {n}": [p for p in pictures if p["part"] == f"fold {n}"] for n in range(5)}
    for part in folds.values():
        assert [sum(p["class"] == c for p in part) for c in ("NORMAL", "bacterial", "viral")] == [
            8,
            8,
            8,
        ]
    assert len({(p["patient"], p["part"]) for p in pictures}) == 30


def test_the_same_seed_gives_the_same_split(folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.csv" for name in ("one", "again", "other")]
    for path, seed in zip(paths, ("1", "1", "2"), strict=True):
        run("split", str(folder), "--out", str(path), "--seed", seed, "--folds", "2")
    one, again, other = (path.read_bytes() for path in paths)
    assert one == again != other


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--out", "split.txt"), "ends in neither .csv nor .json"),
        (("--out", "split.csv", "--folds", "11"), "11 folds need 11 patients"),
    ],
)
def test_a_split_that_cannot_be_is_one_sentence(
    folder: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = CliRunner().invoke(app, ["data", "split", str(folder), *words])
    assert done.exit_code == 1
    assert sentence in done.stderr


def test_insights_find_the_brighter_class_and_draw_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "insights"
    history = tmp_path / "history.json"
    epochs = [{"loss": 1 / n, "validation": {"loss": 1.2 / n}} for n in (1, 2, 3)]
    history.write_text(json.dumps({"epochs": epochs}))
    said = run("insights", str(folder), "--out", str(out), "--history", str(history))
    flat = " ".join(said.split())
    assert "viral is the brightest class" in flat
    assert "a large effect" in flat
    text = (out / "summary.md").read_text()
    assert "120 pictures in 3 classes of nearly equal size" in text
    assert "best in epoch 3 of 3" in text
    drawn = {path.name for path in out.iterdir()} - {"summary.md"}
    assert len(drawn) == 5
    assert all(f"({name})" in text for name in drawn)


def test_insights_of_nothing_are_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["data", "insights", str(tmp_path), "--out", str(tmp_path / "o")]
    )
    assert done.exit_code == 1
    assert "holds no picture" in done.stderr
    assert not (tmp_path / "o").exists()


def test_a_history_that_is_none_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    history.write_text("[]")
    out = tmp_path / "insights"
    done = CliRunner().invoke(
        app, ["data", "insights", str(folder), "--out", str(out), "--history", str(history)]
    )
    assert done.exit_code == 1
    assert "no history of a training" in done.stderr
