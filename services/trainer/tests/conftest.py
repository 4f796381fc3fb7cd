"""Drawn chests, and a bundle that is small and true."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as opset
from PIL import Image

from shared.bundle_files import sha256_of
from shared.contracts.bundle import (
    GOLDENS_FILE,
    Calibration,
    DecisionRule,
    EngineSpec,
    Lineage,
    Manifest,
    PreprocessingSpec,
)
from shared.contracts.dataset import DatasetImage, DatasetSnapshot
from shared.testing.bundles import sha256_hex
from trainer.adapters.headed_graph import HeadedGraph
from trainer.adapters.replay_file import store_replay
from trainer.core.dataset import Dataset, Example
from trainer.core.heads import LinearHead
from trainer.core.phantoms import draw_phantom
from trainer.core.probabilities import Calibrated, fit_calibration
from trainer.core.probe import fit_head
from trainer.core.reference import reference_of
from trainer.core.replay import ReplayLimits
from trainer.core.splits import split_patients
from trainer.core.views import CLEAN
from trainer.service.bundling import write_goldens, write_manifest
from trainer.service.pixels import Pixels
from trainer.service.remembering import Remembering

SIZE_PX = 64
LOOKS = {"clear": (0.0, 0), "patchy": (0.2, 8), "white": (0.8, 0)}
STRIPED = "striped"
"""A class that the bundle does not know."""


def picture(label: str, seed: int, *, size_px: int = 80) -> bytes:
    """Draw a chest of a class, PNG."""
    rng = np.random.default_rng([seed, len(label)])
    opacity, patches = LOOKS.get(label, (0.1, 0))
    grey = draw_phantom(rng, opacity=opacity, patches=patches, size_px=80)
    if label == STRIPED:
        grey[::4] = 255
    buffer = io.BytesIO()
    Image.fromarray(grey).resize((size_px, size_px)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Silent:
    """Nobody waits."""

    def expect(self, steps: int) -> None: ...

    def stage(self, name: str) -> None: ...

    def advance(self, steps: int) -> None: ...

    def learned(self, epochs: object) -> None: ...


@dataclass(frozen=True)
class Uploads:
    """Labelled uploads, as the registry has them."""

    images: tuple[DatasetImage, ...] = ()
    contents: dict[str, bytes] = field(default_factory=dict)

    def snapshot(self) -> DatasetSnapshot:
        images = tuple(sorted(self.images, key=lambda one: one.sha256))
        lines = "".join(f"{one.sha256} {one.label}\n" for one in images)
        return DatasetSnapshot(sha256=sha256_hex(lines.encode()), images=images)


@pytest.fixture(scope="session")
def draw_uploads() -> Callable[..., Uploads]:
    """Give a function that draws uploads of classes; labels: another order of them, if named."""

    def draw(
        labels: Sequence[str], *, told: Sequence[str] | None = None, seed: int = 100, **options: int
    ) -> Uploads:
        images, contents = [], {}
        for number, (label, claimed) in enumerate(zip(labels, told or labels, strict=True)):
            content = picture(label, seed + number, **options)
            sha256 = sha256_hex(content)
            contents[sha256] = content
            images.append(
                DatasetImage(
                    sha256=sha256,
                    label=claimed,
                    patient=None,
                    source="upload",
                    content_type="image/png",
                    size_bytes=len(content),
                    created_at_ms=1,
                )
            )
        return Uploads(tuple(images), contents)

    return draw


class _Drawn:
    """Pictures by name, as training reads them."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents

    def names(self) -> list[str]:
        return sorted(self._contents)

    def read(self, name: str) -> bytes:
        return self._contents[name]


def _graph() -> ov.Model:
    """A small random network with the ends of the served one: three depths, two grids."""
    rng = np.random.default_rng(0)

    def convolved(x: Any, channels: int, side: int, stride: int) -> Any:
        width = x.get_output_partial_shape(0)[1].get_length()
        kernel = rng.normal(0, (2 / (width * side**2)) ** 0.5, (channels, width, side, side))
        pad = [side // 2] * 2
        constant = opset.constant(kernel.astype(np.float32))
        return opset.convolution(x, constant, [stride] * 2, pad, pad, [1, 1])

    image = opset.parameter([-1, SIZE_PX, SIZE_PX, 1], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    x = opset.transpose(image, np.array([0, 3, 1, 2]))
    x = opset.relu(convolved(x, 16, 5, 2))
    x = opset.relu(convolved(x, 24, 3, 2))
    fine = opset.relu(convolved(x, 32, 3, 2))
    middle = opset.relu(convolved(fine, 40, 3, 2))
    deep = opset.relu(convolved(middle, 64, 1, 1))
    scales = np.array([2, 2], np.float32)
    axes = np.array([2, 3])
    parts = [
        opset.interpolate(convolved(one, 3, 1, 1), scales, "nearest", "scales", axes=axes)
        for one in (deep, middle)
    ]
    cam = opset.add(opset.add(parts[0], parts[1]), convolved(fine, 3, 1, 1))
    named = {
        "logits": opset.reduce_mean(cam, axes),
        "cam": opset.transpose(cam, np.array([0, 2, 3, 1])),
        "domain": opset.reduce_mean(x, axes),
    }
    for name, node in named.items():
        node.output(0).get_tensor().set_names({name})
    return ov.Model([node.output(0) for node in named.values()], [image])


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a bundle of a small random network with a fitted head and a replay memory."""
    folder = tmp_path_factory.mktemp("tiny") / "bundle"
    folder.mkdir()
    contents: dict[str, bytes] = {}
    examples = []
    for index, label in enumerate(LOOKS):
        for number in range(100):
            content = picture(label, number)
            sha256 = sha256_hex(content)
            contents[sha256] = content
            examples.append(Example(sha256, sha256, index, f"{label} {number}"))
    examples.sort(key=lambda one: one.sha256)
    dataset = Dataset(tuple(LOOKS), "clear", "drawn", tuple(examples), (), ())
    spec = PreprocessingSpec(size_px=SIZE_PX)
    pixels = Pixels(_Drawn(contents), spec)
    held_out = split_patients(examples, share=0.4, seed=0)
    graph = _fitted(HeadedGraph(_graph()), dataset, pixels, held_out.tolist())
    graph.save(folder / "model.xml")
    write_goldens(folder / GOLDENS_FILE, graph, spec)
    remembering = Remembering(pixels, graph, graph, Silent())
    replay = remembering.remember(dataset, held_out, ReplayLimits())
    store_replay(folder, replay)
    calibrated = fit_calibration(replay.held.logits, replay.held.labels)
    write_manifest(folder, _manifest(spec, folder, calibrated))
    return folder


def _fitted(
    graph: HeadedGraph, dataset: Dataset, pixels: Pixels, held_out: list[bool]
) -> HeadedGraph:
    train = [e for e, out in zip(dataset.examples, held_out, strict=True) if not out]
    features = np.concatenate(list(graph.pooled(pixels.batches(train, CLEAN))))
    labels = np.array([one.label for one in train])
    return graph.with_head(fit_head(features, labels, strength=0.01, classes=3))


def _manifest(spec: PreprocessingSpec, folder: Path, calibrated: Calibrated) -> Manifest:
    entry = {"sha256": sha256_of(folder / "model.xml"), "size_bytes": 1}
    return Manifest.model_validate(
        {
            "name": "drawn",
            "version": "parent",
            "classes": tuple(LOOKS),
            "preprocessing": spec,
            "calibration": Calibration(temperature=calibrated.temperature, bias=calibrated.bias),
            "decision": DecisionRule(reference_class="clear", threshold=0.5),
            "engine": EngineSpec(precision="f32", cam_output="cam"),
            "reference": reference_of([(0.4, 0.1), (0.5, 0.2)]),
            "files": {"model.xml": entry},
            "lineage": Lineage(data_sha256="0" * 64, code_version="test", seed=0, trained_at_ms=1),
        }
    )


@pytest.fixture
def random_head() -> Callable[[int], LinearHead]:
    """Give a function that makes a head of so many classes for the small network."""

    def make(classes: int) -> LinearHead:
        rng = np.random.default_rng(classes)
        kernel = rng.normal(0, 0.5, (136, classes)).astype(np.float32)
        return LinearHead(kernel, rng.normal(0, 1, classes).astype(np.float32))

    return make
