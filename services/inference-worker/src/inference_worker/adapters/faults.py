"""Faults on purpose, for tests of what no healthy worker shows. Off unless PNEUMO_WORKER_FAULTS=1.

An image asks for its fault by holding a marker anywhere in its bytes, e.g. as a JPEG comment.
"""

import asyncio
import hashlib
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from inference_worker.core.decoding import Decoded, decode
from inference_worker.ports import Engine, EngineLoader, Pixels, Scores
from shared.contracts.bundle import Manifest, PreprocessingSpec
from shared.image_headers import ImageHeader

_log = structlog.get_logger(__name__)
_QUOTED_BYTES = 200
_SPUN = bytes(1024 * 1024)
_MARKER = re.compile(rb"pneumo-fault:(?:(crash|raise|bug)|(block|spin)=([0-9.]{1,8}))")


@dataclass(frozen=True, slots=True)
class Faults:
    """Wraps decoding and engines so that marked images do harm.

    `pneumo-fault:crash`: the process dies of SIGKILL while it decodes the image.
    `pneumo-fault:raise`: the engine fails on every batch that holds it.
    `pneumo-fault:bug`: decoding raises what nobody expects, and quotes the image in it.
    `pneumo-fault:spin=N`: decoding takes N seconds of a CPU; then the image is answered.
    `pneumo-fault:block=N`: the event loop stands still for N seconds; then the image is answered.
    """

    loop: asyncio.AbstractEventLoop

    def decode(
        self, image: bytes, spec: PreprocessingSpec, header: ImageHeader | None = None
    ) -> Decoded:
        """Do what the image asks for, then what decoding does. Raises ImageError, KeyError."""
        marker = _MARKER.search(image)
        if marker is None:
            return decode(image, spec, header)
        fault, slow, seconds = marker.groups()
        if fault == b"crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == b"bug":
            raise KeyError("a bug on purpose", image[:_QUOTED_BYTES])
        if slow == b"spin":
            _spin(float(seconds))
        if slow == b"block":
            self.loop.call_soon_threadsafe(time.sleep, float(seconds))
        decoded = decode(image, spec, header)
        if fault == b"raise":
            decoded[0][0, 0, 0] = np.nan  # no image decodes to this: the engine knows it by it
        return decoded

    def wrap(self, loader: EngineLoader) -> EngineLoader:
        """Give a loader whose engines fail on marked images."""
        _log.warning("FAULTS ARE ON: marked images may kill this worker; never so in production")
        return _FaultyLoader(loader)


def _spin(seconds: float) -> None:
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        hashlib.sha256(_SPUN).digest()  # without the interpreter's lock, as decoders are


@dataclass(frozen=True, slots=True)
class _FaultyLoader:
    loader: EngineLoader

    def load(self, bundle: Path) -> Engine:
        return _FaultyEngine(self.loader.load(bundle))


@dataclass(frozen=True, slots=True)
class _FaultyEngine:
    engine: Engine

    @property
    def manifest(self) -> Manifest:
        return self.engine.manifest

    def predict(self, pixels: Pixels, *, alone: bool = False, explained: bool = False) -> Scores:
        if np.isnan(pixels[:, 0, 0, 0]).any():
            raise RuntimeError("a fault on purpose")
        return self.engine.predict(pixels, alone=alone, explained=explained)
