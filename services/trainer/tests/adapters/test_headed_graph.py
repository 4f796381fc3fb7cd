from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as opset

from trainer.adapters.headed_graph import GraphError, HeadedGraph, read_headed
from trainer.core.heads import LinearHead

INPUTS = np.random.default_rng(0).uniform(-1, 1, (5, 64, 64, 1)).astype(np.float32)


def ask(graph: HeadedGraph, *names: str) -> tuple[np.ndarray, ...]:
    (answers,) = graph.ask([INPUTS], *names)
    return answers


def test_the_head_times_the_features_is_the_logits(tiny_bundle: Path) -> None:
    graph = read_headed(tiny_bundle / "model.xml")
    features, logits, cam = ask(graph, "features", "logits", "cam")
    assert features.shape == (5, 136)
    assert graph.head.logits(features) == pytest.approx(logits, abs=1e-4)
    assert cam.mean(axis=(1, 2)) == pytest.approx(logits, abs=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_another_head_changes_nothing_before_it(
    tiny_bundle: Path, random_head: Callable[[int], LinearHead], classes: int
) -> None:
    graph, head = read_headed(tiny_bundle / "model.xml"), random_head(classes)
    other = graph.with_head(head)
    assert other.fingerprint == graph.fingerprint
    before = ask(graph, "features", "domain")
    features, domain, logits, cam = ask(other, "features", "domain", "logits", "cam")
    assert (features == before[0]).all()
    assert (domain == before[1]).all()
    assert head.logits(features) == pytest.approx(logits, abs=1e-4)
    assert cam.shape == (5, 8, 8, classes)
    assert (other.head.kernel == head.kernel).all()
    assert (other.head.bias == head.bias).all()


def test_coarse_maps_are_repeated_not_blurred(
    tiny_bundle: Path, random_head: Callable[[int], LinearHead]
) -> None:
    head = random_head(2)
    kernel = head.kernel.copy()
    kernel[104:] = 0  # the finest depth says nothing
    cam = ask(
        read_headed(tiny_bundle / "model.xml").with_head(LinearHead(kernel, head.bias)), "cam"
    )[0]
    assert (cam[:, ::2, ::2] == cam[:, 1::2, 1::2]).all()
    assert (cam[:, ::2, ::2] == cam[:, ::2, 1::2]).all()
    assert len(np.unique(cam)) > 5


def test_it_is_written_to_the_same_bytes_and_reads_back(
    tiny_bundle: Path, random_head: Callable[[int], LinearHead], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        read_headed(tiny_bundle / "model.xml").with_head(random_head(4)).save(
            tmp_path / f"{name}.xml"
        )
    for suffix in ("xml", "bin"):
        one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    again = read_headed(tmp_path / "one.xml").with_head(random_head(3))
    features, logits = ask(again, "features", "logits")
    assert random_head(3).logits(features) == pytest.approx(logits, abs=1e-4)


def test_other_weights_have_another_fingerprint(tiny_bundle: Path) -> None:
    model = ov.Core().read_model(tiny_bundle / "model.xml")
    kernel = next(op for op in model.get_ordered_ops() if op.get_type_name() == "Convolution")
    constant = kernel.input_value(1).get_node()
    changed = opset.constant(np.array(constant.data) + np.float32(1e-3))
    kernel.input(1).replace_source_output(changed.output(0))
    assert HeadedGraph(model).fingerprint != read_headed(tiny_bundle / "model.xml").fingerprint


def test_a_graph_without_class_maps_has_no_head() -> None:
    image = opset.parameter([-1, 4, 4, 1], np.float32)
    cam = opset.relu(image)
    cam.output(0).get_tensor().set_names({"cam"})
    with pytest.raises(GraphError):
        HeadedGraph(ov.Model([cam.output(0)], [image]))
