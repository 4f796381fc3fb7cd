import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from trainer.adapters.graphs import HEAD, served_graph
from trainer.adapters.headed_graph import HeadedGraph
from trainer.adapters.keras_file import save_keras
from trainer.adapters.keras_head import KerasFileError, replace_head
from trainer.adapters.mobilenet import random_weights
from trainer.core.heads import LinearHead

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]
SIDE = 64
RNG = np.random.default_rng(0)
PIXELS = RNG.uniform(-1, 1, (3, SIDE, SIDE, 1)).astype(np.float32)


def head_of(classes: int) -> LinearHead:
    kernel = RNG.normal(0, 0.02, (1696, classes)).astype(np.float32)
    return LinearHead(kernel, RNG.normal(0, 1, classes).astype(np.float32))


HEADS = {classes: head_of(classes) for classes in (3, 4)}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    head = HEADS[3]
    weights = {**random_weights(SIDE, 0), HEAD: [head.kernel, head.bias]}
    save_keras(served_graph(weights, SIDE), path)
    return path


def answers(path: Path) -> dict[str, np.ndarray]:
    said = keras.models.load_model(path, compile=False)(PIXELS)
    return {name: np.asarray(one) for name, one in said.items()}


def test_a_wider_head_is_what_keras_would_have_made(parent: Path, tmp_path: Path) -> None:
    replace_head(parent, tmp_path / "wide.keras", HEADS[4])
    weights = {**random_weights(SIDE, 0), HEAD: [HEADS[4].kernel, HEADS[4].bias]}
    save_keras(served_graph(weights, SIDE), tmp_path / "made.keras")
    ours, made = answers(tmp_path / "wide.keras"), answers(tmp_path / "made.keras")
    assert ours["logits"].shape == (3, 4)
    for name in made:
        assert ours[name] == pytest.approx(made[name], abs=1e-5)


def test_the_old_head_again_gives_the_old_answers_and_the_same_bytes(
    parent: Path, tmp_path: Path
) -> None:
    replace_head(parent, tmp_path / "wide.keras", HEADS[4])
    for name in ("back", "again"):
        replace_head(tmp_path / "wide.keras", tmp_path / f"{name}.keras", HEADS[3])
    before, after = answers(parent), answers(tmp_path / "back.keras")
    assert (before["logits"] == after["logits"]).all()
    assert (tmp_path / "back.keras").read_bytes() == (tmp_path / "again.keras").read_bytes()


def test_a_head_of_another_network_is_refused(parent: Path, tmp_path: Path) -> None:
    short = LinearHead(HEADS[3].kernel[:-1], HEADS[3].bias)
    with pytest.raises(KerasFileError, match="1695"):
        replace_head(parent, tmp_path / "wrong.keras", short)
    assert not (tmp_path / "wrong.keras").exists()


def test_what_is_no_float_parent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr("model.weights.h5", b"")
    for name in ("text", "other"):
        with pytest.raises(KerasFileError):
            replace_head(tmp_path / f"{name}.keras", tmp_path / "out.keras", HEADS[3])


def test_the_float_graph_opens_at_its_head_too(parent: Path) -> None:
    from trainer.adapters.conversion import to_openvino  # noqa: PLC0415

    graph = HeadedGraph(to_openvino(keras.models.load_model(parent, compile=False)))
    ((features, logits),) = graph.ask([PIXELS], "features", "logits")
    assert (graph.head.kernel == HEADS[3].kernel).all()
    assert graph.head.logits(features) == pytest.approx(logits, abs=1e-3)
    assert answers(parent)["logits"] == pytest.approx(logits, abs=1e-3)
