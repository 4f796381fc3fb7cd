"""The engine that every peer serves: this system's model, decoding and verdict, one process.

    engine = PeerEngine(Path("models/baseline"), threads=2, streams=2)

What differs between the peers is then what carries the images to it, and nothing else.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import openvino as ov

from inference_worker.core.verdicts import decide_verdict
from shared.contracts.bundle import MANIFEST_FILE, Manifest
from shared.domain_guard import load_domain_guard, reasons_of
from shared.int8_support import int8_options
from shared.preprocessing import preprocess

Answer: TypeAlias = dict[str, Any]


class PeerEngine:
    """One compiled graph; each thread that asks gets an infer request of its own."""

    def __init__(self, bundle: Path, *, threads: int, streams: int) -> None:
        self._manifest = read_manifest(bundle)
        options = {
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(threads),
            # As this system's worker has them: the same kernels, no two processes on one core.
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
            **int8_options(),
        }
        path = bundle / self._manifest.engine.file
        self._compiled = ov.Core().compile_model(path, "CPU", options)
        self._requests = threading.local()
        domain = self._manifest.domain
        self._domain = None if domain is None else domain.output
        self._guard = None if domain is None else load_domain_guard(bundle / domain.file)

    def answer(self, images: Sequence[bytes]) -> list[Answer]:
        """Decode, infer as one batch, judge: one answer an image. Raises ImageError."""
        spec = self._manifest.preprocessing
        request = self._request()
        request.infer([np.stack([preprocess(image, spec) for image in images])], share_inputs=True)
        logits = request.get_tensor(self._manifest.engine.logits_output).data
        strange: list[tuple[str, ...]] = [()] * len(images)
        if self._guard is not None:
            features = request.get_tensor(self._domain).data
            strange = [reasons_of(one) for one in self._guard.strangeness(features)]
        return [
            answer_of(one, self._manifest, why) for one, why in zip(logits, strange, strict=True)
        ]

    def _request(self) -> ov.InferRequest:
        request = getattr(self._requests, "one", None)
        if request is None:
            request = self._requests.one = self._compiled.create_infer_request()
        return request


def read_manifest(bundle: Path) -> Manifest:
    """Read a bundle's manifest."""
    return Manifest.model_validate_json((bundle / MANIFEST_FILE).read_bytes())


def answer_of(logits: Any, manifest: Manifest, strange: tuple[str, ...] = ()) -> Answer:
    """Return the answer for one image: float32 [C] → JSON."""
    verdict = decide_verdict(logits, manifest, strange)
    return {
        "label": verdict.label,
        "confidence": verdict.confidence,
        "probabilities": verdict.probabilities,
        "in_domain": verdict.in_domain,
        "warnings": list(verdict.warnings),
    }
