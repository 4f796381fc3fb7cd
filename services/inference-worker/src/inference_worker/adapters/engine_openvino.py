"""OpenVINO as the engine: compiled for few threads, warmed, checked against its goldens."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
import openvino as ov
import structlog

from inference_worker.core.goldens import inputs_agree, logits_agree, maps_agree
from inference_worker.ports import ModelRefusedError, Pixels, Scores
from shared.bundle_files import BundleError, verify_bundle
from shared.contracts.bundle import GOLDENS_FILE, Manifest
from shared.domain_guard import DomainGuard, load_domain_guard
from shared.int8_support import int8_options
from shared.preprocessing import normalise

_log = structlog.get_logger(__name__)

_MOST_AT_ONCE = 10
"""Images in one run of the graph. OpenVINO keeps 4 to 19 MiB for each size of batch it has met, and
two halves of 16 images take the CPU time of one run (× 1.00); of 11, 13 or 15: × 1.03 to 1.05."""


@dataclass(frozen=True, slots=True)
class OpenVinoEngine:
    """Two compilations of one graph, for batches and for a lone image; for one thread at a time.

    A lone image gets a graph of fixed shape and all threads: a seventh faster. Its logits differ
    from the batches' in the third decimal at most, and both must reproduce the goldens.
    cam_output: the output that holds class maps, computed on the way to the logits in any case and
    copied for those who ask; None: this model cannot explain.
    """

    manifest: Manifest
    for_batches: ov.InferRequest
    for_one: ov.InferRequest
    guard: DomainGuard | None
    cam_output: str | None

    def predict(self, pixels: Pixels, *, alone: bool = False, explained: bool = False) -> Scores:
        """Score float32 [N, S, S, 1] in [-1, 1]."""
        if alone:
            return self._run(self.for_one, pixels, explained=explained)
        runs = np.array_split(pixels, ceil(len(pixels) / _MOST_AT_ONCE))
        parts = [self._run(self.for_batches, run, explained=explained) for run in runs]
        return _together(parts)

    def _run(self, request: ov.InferRequest, pixels: Pixels, *, explained: bool) -> Scores:
        request.infer([pixels], share_inputs=True)
        logits: Pixels = request.get_tensor(self.manifest.engine.logits_output).data.copy()
        maps: Pixels | None = None
        if explained and self.cam_output is not None:
            maps = request.get_tensor(self.cam_output).data.copy()
        strangeness: Pixels | None = None
        if self.guard is not None and self.manifest.domain is not None:
            features: Pixels = request.get_tensor(self.manifest.domain.output).data
            strangeness = self.guard.strangeness(features)
        return Scores(logits, strangeness, maps=maps)


class OpenVinoLoader:
    """Compiles bundles for this machine."""

    def __init__(self, *, threads: int, threads_alone: int, max_batch: int) -> None:
        self._core = ov.Core()
        self._max_batch = max_batch
        self._threads, self._threads_alone = threads, threads_alone
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            # What a bundle keeps in float was calibrated and scored in float32; the default, bf16
            # where the CPU has it, answers a little otherwise, and without AMX not even sooner.
            "INFERENCE_PRECISION_HINT": "f32",
            # Pinned, two one-thread workers land on the same core and halve each other.
            "ENABLE_CPU_PINNING": False,
            **int8_options(),
        }

    def load(self, bundle: Path) -> OpenVinoEngine:
        """Verify, compile, warm up every size of run, check the goldens.

        Raises ModelRefusedError if any of it fails. A model whose class maps do not add up to its
        logits is served, and explains nothing.
        """
        try:
            engine = self._compile(verify_bundle(bundle), bundle)
            exact = _check_goldens(engine, bundle)
        except (BundleError, RuntimeError, OSError, KeyError, ValueError) as error:
            raise ModelRefusedError(str(error)) from error
        if exact:
            return engine
        _log.warning("this model cannot explain its answers", version=engine.manifest.version)
        return replace(engine, cam_output=None)

    def _compile(self, manifest: Manifest, bundle: Path) -> OpenVinoEngine:
        model = self._core.read_model(bundle / manifest.engine.file)
        size = manifest.preprocessing.size_px
        alone = model.clone()
        alone.reshape([1, size, size, 1])
        sizes = range(1, min(self._max_batch, _MOST_AT_ONCE) + 1)
        # Side by side, where there are CPUs for it: a worker more is wanted soon.
        with ThreadPoolExecutor(1, thread_name_prefix="compile") as aside:
            for_one = aside.submit(self._warmed, alone, self._threads_alone, size, [1])
            for_batches = self._warmed(model, self._threads, size, sizes)
            guard = _load_guard(manifest, bundle)
            cam = _cam_output(manifest, model)
            return OpenVinoEngine(manifest, for_batches, for_one.result(), guard, cam)

    def _warmed(
        self, model: ov.Model, threads: int, size: int, batches: Iterable[int]
    ) -> ov.InferRequest:
        """Compile, and run each size of batch once: its first run takes several times as long."""
        options = self._config | {"INFERENCE_NUM_THREADS": str(threads)}
        request = self._core.compile_model(model, "CPU", options).create_infer_request()
        for n in batches:
            request.infer([np.zeros((n, size, size, 1), np.float32)], share_inputs=True)
        return request


def _together(parts: list[Scores]) -> Scores:
    logits = np.concatenate([part.logits for part in parts])
    strange = [part.strangeness for part in parts if part.strangeness is not None]
    maps = [part.maps for part in parts if part.maps is not None]
    return Scores(
        logits,
        np.concatenate(strange) if strange else None,
        maps=np.concatenate(maps) if maps else None,
    )


def _cam_output(manifest: Manifest, model: ov.Model) -> str | None:
    named = manifest.engine.cam_output
    return named if any(named in output.get_names() for output in model.outputs) else None


def _load_guard(manifest: Manifest, bundle: Path) -> DomainGuard | None:
    return None if manifest.domain is None else load_domain_guard(bundle / manifest.domain.file)


def _check_goldens(engine: OpenVinoEngine, bundle: Path) -> bool:
    """Tell whether the class maps of the goldens are exact. Raises ModelRefusedError."""
    try:
        with np.load(bundle / GOLDENS_FILE, allow_pickle=False) as goldens:
            images, inputs, logits = (goldens[k] for k in ("images", "inputs", "logits"))
    except (OSError, KeyError, ValueError) as error:
        raise ModelRefusedError(f"the goldens cannot be read: {error}") from error
    spec = engine.manifest.preprocessing
    if not inputs_agree(inputs, np.stack([normalise(image, spec) for image in images])):
        raise ModelRefusedError("preprocessing does not reproduce the golden inputs")
    exact = True
    for alone in (False, True):
        said = _together([engine.predict(x[None], alone=alone, explained=True) for x in inputs])
        if not logits_agree(logits, said.logits):
            raise ModelRefusedError("the engine does not reproduce the golden logits")
        exact = exact and said.maps is not None and maps_agree(said.logits, said.maps)
    return exact
