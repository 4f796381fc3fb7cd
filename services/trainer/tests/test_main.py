import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from trainer.__main__ import app

# TensorFlow alone takes 300 MB and four seconds.
HEAVY = ("tensorflow", "keras", "nncf", "openvino", "sklearn")


def test_the_idle_service_loads_no_training_library() -> None:
    code = (
        "import sys, json, trainer.__main__, trainer.main.serving\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "training needs two classes"),
        (["stray.png"], "lies in no class folder"),
        (["a/1.png", "b/1.png"], "training needs 4"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_one_clear_sentence(
    tmp_path: Path, files: list[str], sentence: str
) -> None:
    for number, name in enumerate(files):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(path)
    (tmp_path / "images").mkdir(exist_ok=True)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["train", str(tmp_path / "images"), "--out", str(out), "--untrained"]
    )
    assert done.exit_code == 1
    assert done.stderr.count("trainer: ") == 1
    assert sentence in done.stderr
    assert not out.exists()


def test_the_check_tells_duplicates_conflicts_and_damage(tmp_path: Path) -> None:
    for name, shade in (("a/1.png", 1), ("a/2.png", 1), ("a/3.png", 2), ("b/4.png", 2)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), shade).save(path)
    (tmp_path / "b" / "5.jpeg").write_bytes(b"no picture")
    done = CliRunner().invoke(app, ["data", "check", str(tmp_path)])
    assert done.exit_code == 0
    assert "1 duplicate files" in done.stdout
    assert "conflict: a/3.png" in done.stdout
    assert "damaged: b/5.jpeg" in done.stdout


def test_the_backbone_must_be_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", str(tmp_path)])
    assert done.exit_code == 2
    assert "--weights" in done.stderr


def test_a_bundle_that_is_none_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path), str(tmp_path)])
    assert done.exit_code == 1
    assert "holds no manifest.json" in done.stderr
