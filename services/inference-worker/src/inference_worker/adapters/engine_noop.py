"""No engine: nothing is decoded or inferred, so that HTTP, Kafka and the framework are left."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from inference_worker.core.decoding import Decoded
from inference_worker.ports import Engine, ModelRefusedError, Pixels, Scores
from shared.bundle_files import BundleError, verify_bundle
from shared.contracts.bundle import Manifest, PreprocessingSpec
from shared.contracts.models import RefusalCode
from shared.image_headers import ImageHeader

_log = structlog.get_logger(__name__)
WARNING = "no_engine"


def leave_encoded(
    image: bytes, spec: PreprocessingSpec, header: ImageHeader | None = None
) -> Decoded:
    """Return one black pixel, float32 [1, 1, 1], whatever the image, which is not decoded."""
    del image, spec, header
    return np.zeros((1, 1, 1), np.float32), None


@dataclass(frozen=True, slots=True)
class NoOpLoader:
    """Reads a bundle's manifest and compiles nothing.

    simulated_ms: each image takes the thread that asks this long; 0: no time.
    sleep: spends so many seconds.
    """

    simulated_ms: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def load(self, bundle: Path) -> Engine:
        """Give an engine that knows nothing. Raises ModelRefusedError if a file is damaged."""
        try:
            manifest = verify_bundle(bundle)
        except BundleError as error:
            raise ModelRefusedError(RefusalCode.DAMAGED, str(error)) from error
        except OSError as error:
            raise ModelRefusedError(RefusalCode.ENGINE_FAILED, str(error)) from error
        _log.warning(
            "THERE IS NO ENGINE: every image gets the same answer; never so in production",
            simulated_ms=self.simulated_ms,
        )
        return _NoOpEngine(manifest, self.simulated_ms, self.sleep)


@dataclass(frozen=True, slots=True)
class _NoOpEngine:
    manifest: Manifest
    simulated_ms: float
    sleep: Callable[[float], None]

    def predict(self, pixels: Pixels, *, alone: bool = False, explained: bool = False) -> Scores:
        """Give equal logits for N images after N times the simulated time."""
        del alone, explained
        if self.simulated_ms:
            self.sleep(self.simulated_ms * len(pixels) / 1e3)
        logits = np.zeros((len(pixels), len(self.manifest.classes)), np.float32)
        return Scores(logits, None, meaningless=(WARNING,))
