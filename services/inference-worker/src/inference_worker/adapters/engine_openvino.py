"""OpenVINO as the engine: compiled for few threads, warmed, checked against its goldens."""

from pathlib import Path

import numpy as np
import openvino as ov

from inference_worker.core.goldens import inputs_agree, logits_agree
from inference_worker.ports import ModelRefusedError, Pixels, Scores
from shared.bundle_files import BundleError, verify_bundle
from shared.contracts.bundle import GOLDENS_FILE, Manifest
from shared.domain_guard import DomainGuard, load_domain_guard
from shared.preprocessing import normalise


class OpenVinoEngine:
    """One infer request over one compiled model; a single thread may call it at a time."""

    def __init__(
        self, manifest: Manifest, compiled: ov.CompiledModel, guard: DomainGuard | None
    ) -> None:
        self._manifest = manifest
        self._request = compiled.create_infer_request()
        self._logits = compiled.output(manifest.engine.logits_output)
        self._guard = guard
        self._features = compiled.output(manifest.domain.output) if manifest.domain else None

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest."""
        return self._manifest

    def predict(self, pixels: Pixels) -> Scores:
        """Score float32 [N, S, S, 1] in [-1, 1]."""
        self._request.infer([pixels], share_inputs=True)
        logits: Pixels = self._request.get_tensor(self._logits).data.copy()
        if self._guard is None:
            return Scores(logits, None)
        features: Pixels = self._request.get_tensor(self._features).data
        return Scores(logits, self._guard.strangeness(features))


class OpenVinoLoader:
    """Compiles bundles for this machine."""

    def __init__(self, *, threads: int, max_batch: int) -> None:
        self._core = ov.Core()
        self._max_batch = max_batch
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            # What a bundle keeps in float was calibrated and scored in float32; the default, bf16
            # where the CPU has it, answers a little otherwise, and without AMX not even sooner.
            "INFERENCE_PRECISION_HINT": "f32",
            # Pinned, two one-thread workers land on the same core and halve each other.
            "ENABLE_CPU_PINNING": False,
        }

    def load(self, bundle: Path) -> OpenVinoEngine:
        """Verify, compile, warm up every batch size, check the goldens.

        Raises ModelRefusedError if any of it fails.
        """
        try:
            manifest = verify_bundle(bundle)
            compiled = self._core.compile_model(
                str(bundle / manifest.engine.file), "CPU", self._config
            )
            engine = OpenVinoEngine(manifest, compiled, _load_guard(manifest, bundle))
            self._warm_up(engine)
        except (BundleError, RuntimeError, OSError, KeyError, ValueError) as error:
            raise ModelRefusedError(str(error)) from error
        _check_goldens(engine, bundle)
        return engine

    def _warm_up(self, engine: OpenVinoEngine) -> None:
        size = engine.manifest.preprocessing.size_px
        for batch in range(1, self._max_batch + 1):
            engine.predict(np.zeros((batch, size, size, 1), np.float32))


def _load_guard(manifest: Manifest, bundle: Path) -> DomainGuard | None:
    return None if manifest.domain is None else load_domain_guard(bundle / manifest.domain.file)


def _check_goldens(engine: OpenVinoEngine, bundle: Path) -> None:
    try:
        with np.load(bundle / GOLDENS_FILE, allow_pickle=False) as goldens:
            images, inputs, logits = (goldens[k] for k in ("images", "inputs", "logits"))
    except (OSError, KeyError, ValueError) as error:
        raise ModelRefusedError(f"the goldens cannot be read: {error}") from error
    spec = engine.manifest.preprocessing
    if not inputs_agree(inputs, np.stack([normalise(image, spec) for image in images])):
        raise ModelRefusedError("preprocessing does not reproduce the golden inputs")
    if not logits_agree(logits, np.concatenate([engine.predict(x[None]).logits for x in inputs])):
        raise ModelRefusedError("the engine does not reproduce the golden logits")
