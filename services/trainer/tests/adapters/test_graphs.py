import keras
import numpy as np
import openvino as ov
import pytest

from trainer.adapters.conversion import to_openvino
from trainer.adapters.exporter import GraphExporter, _kept_names
from trainer.adapters.graphs import pooled_graph, served_graph, stem_graph, tail_graph
from trainer.adapters.mobilenet import _folded, random_weights
from trainer.core.heads import LinearHead

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]
SIDE = 64
RNG = np.random.default_rng(0)
PIXELS = RNG.uniform(-1, 1, (3, SIDE, SIDE, 1)).astype(np.float32)
HEAD = LinearHead(
    RNG.normal(0, 0.02, (1696, 4)).astype(np.float32), np.array([0.5, -0.5, 0, 1], np.float32)
)

HEAD_WEIGHTS = {"head": [HEAD.kernel, HEAD.bias]}


def test_the_grey_folded_network_is_kerass_own_on_three_equal_channels() -> None:
    keras.utils.set_random_seed(0)
    published = keras.applications.MobileNetV2(
        input_shape=(SIDE, SIDE, 3), include_top=False, weights=None
    )
    for layer in published.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.get_weights()[0].shape
            layer.set_weights(
                [RNG.uniform(0.5, 3, shape), RNG.normal(0, 0.3, shape),
                 RNG.normal(0, 0.2, shape), RNG.uniform(0.2, 1, shape)]
            )  # fmt: skip
    expected = np.asarray(published(np.repeat(PIXELS, 3, axis=3))).mean(axis=(1, 2))
    ours = np.asarray(pooled_graph(_folded(published), SIDE)(PIXELS))[:, :1280]
    assert np.abs(expected).max() > 0.1
    assert ours == pytest.approx(expected, abs=1e-3)


def test_stem_and_tail_are_the_whole_network() -> None:
    weights = random_weights(SIDE, 0)
    whole = np.asarray(pooled_graph(weights, SIDE)(PIXELS))
    parts = np.asarray(tail_graph(weights, SIDE)(stem_graph(weights, SIDE)(PIXELS)))
    assert parts == pytest.approx(whole, abs=1e-3)


def test_the_served_graph_is_the_pooled_graph_and_the_head() -> None:
    weights = random_weights(SIDE, 0)
    features = np.asarray(pooled_graph(weights, SIDE)(PIXELS))
    served = served_graph({**weights, **HEAD_WEIGHTS}, SIDE)(PIXELS)
    assert np.asarray(served["logits"]) == pytest.approx(HEAD.logits(features), abs=1e-3)
    assert served["cam"].shape == (3, SIDE // 16, SIDE // 16, 4)
    assert np.asarray(served["cam"]).mean(axis=(1, 2)) == pytest.approx(
        np.asarray(served["logits"]), abs=1e-3
    )


def test_openvino_computes_what_keras_computes() -> None:
    graph = served_graph({**random_weights(SIDE, 0), **HEAD_WEIGHTS}, SIDE)
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(to_openvino(graph), "CPU", options)
    there, here = compiled({0: PIXELS}), graph(PIXELS)
    for name in ("logits", "cam", "domain"):
        assert there[name] == pytest.approx(np.asarray(here[name]), abs=1e-3)


def test_batches_stream_through_in_order() -> None:
    served = GraphExporter(random_weights(SIDE, 0), size_px=SIDE).export(HEAD_WEIGHTS)
    many = RNG.uniform(-1, 1, (40, SIDE, SIDE, 1)).astype(np.float32)
    ((at_once,),) = served.ask([many], "logits")
    one_by_one = np.concatenate([one for (one,) in served.ask((x[None] for x in many), "logits")])
    assert one_by_one == pytest.approx(at_once, abs=1e-4)


def test_only_the_trunk_is_rounded() -> None:
    served = GraphExporter(random_weights(SIDE, 0), size_px=SIDE).export(HEAD_WEIGHTS)
    kept = _kept_names(served._model)
    kinds = [name.split("_")[0] for name in kept]
    # Two at the entrance and the three class maps.
    assert kinds.count("Convolution") + kinds.count("GroupConvolution") == 5
    assert kinds.count("ReduceMean") == 5
