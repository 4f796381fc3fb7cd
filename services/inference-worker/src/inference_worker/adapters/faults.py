"""Faults on purpose, for tests of what no healthy worker shows. Off unless PNEUMO_WORKER_FAULTS=1.

An image asks for its fault by holding a marker anywhere in its bytes, e.g. as a JPEG comment.
"""

import asyncio
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from inference_worker.ports import Engine, EngineLoader, ModelRefusedError, Pixels, Scores
from shared.bundle_files import BundleError, verify_bundle
from shared.contracts.bundle import Manifest, PreprocessingSpec
from shared.preprocessing import preprocess

_log = structlog.get_logger(__name__)
_MARKER = re.compile(rb"pneumo-fault:(?:(crash|raise|bug)|block=([0-9.]{1,8}))")


@dataclass(frozen=True, slots=True)
class Faults:
    """Wraps decoding and engines so that marked images do harm.

    `pneumo-fault:crash`: the process dies of SIGKILL while it decodes the image.
    `pneumo-fault:raise`: the engine fails on every batch that holds it.
    `pneumo-fault:bug`: decoding raises what nobody expects.
    `pneumo-fault:block=N`: the event loop stands still for N seconds; then the image is answered.
    simulated_ms: above 0, no engine computes; each image takes this long and gets equal logits.
    """

    loop: asyncio.AbstractEventLoop
    simulated_ms: float = 0.0

    def decode(self, image: bytes, spec: PreprocessingSpec) -> Pixels:
        """Do what the image asks for, then what `preprocess` does. Raises ImageError, KeyError."""
        marker = _MARKER.search(image)
        if marker is None:
            return preprocess(image, spec)
        fault, seconds = marker.groups()
        if fault == b"crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == b"bug":
            raise KeyError("a bug on purpose")
        if seconds is not None:
            self.loop.call_soon_threadsafe(time.sleep, float(seconds))
        pixels = preprocess(image, spec)
        if fault == b"raise":
            pixels[0, 0, 0] = np.nan  # no image decodes to this: the engine knows it by it
        return pixels

    def wrap(self, loader: EngineLoader) -> EngineLoader:
        """Give a loader whose engines fail on marked images."""
        _log.warning(
            "FAULTS ARE ON: marked images may kill this worker; never so in production",
            simulated_ms=self.simulated_ms,
        )
        return _FaultyLoader(loader, self.simulated_ms)


class UncompiledLoader:
    """Reads a bundle's manifest and compiles nothing: for a worker whose engine is simulated."""

    def load(self, bundle: Path) -> Engine:
        """Give an engine that cannot be asked. Raises ModelRefusedError if a file is damaged."""
        try:
            return _Uncompiled(verify_bundle(bundle))
        except BundleError as error:
            raise ModelRefusedError(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Uncompiled:
    manifest: Manifest

    def predict(self, pixels: Pixels, *, alone: bool = False) -> Scores:
        raise NotImplementedError(f"{len(pixels)} images for no engine, {alone=}")


@dataclass(frozen=True, slots=True)
class _FaultyLoader:
    loader: EngineLoader
    simulated_ms: float

    def load(self, bundle: Path) -> Engine:
        return _FaultyEngine(self.loader.load(bundle), self.simulated_ms)


@dataclass(frozen=True, slots=True)
class _FaultyEngine:
    engine: Engine
    simulated_ms: float

    @property
    def manifest(self) -> Manifest:
        return self.engine.manifest

    def predict(self, pixels: Pixels, *, alone: bool = False) -> Scores:
        if np.isnan(pixels[:, 0, 0, 0]).any():
            raise RuntimeError("a fault on purpose")
        if not self.simulated_ms:
            return self.engine.predict(pixels, alone=alone)
        time.sleep(self.simulated_ms * len(pixels) / 1e3)
        return Scores(np.zeros((len(pixels), len(self.manifest.classes)), np.float32), None)
