"""Throughput of the cores without any serving: decode alone, engine alone, both in turn.

A process a core with a one-thread engine in each, in batches of eight, as a worker computes under
load: the most that a server on these cores can reach.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeAlias

import numpy as np
import openvino as ov

from bench.compare.records import Payload, both_of
from bench.peers.engine import read_manifest
from shared.int8_support import int8_options
from shared.preprocessing import Pixels, preprocess

BATCH = 8
_READY_S = 60.0
_MOST_IMAGES = 64

Step: TypeAlias = Callable[[int], object]
"""Works on the images from this number on."""


class Core:
    """One core's share of the work: an engine of one thread."""

    def __init__(self, bundle: Path, barrier: Barrier, seconds: float) -> None:
        manifest = read_manifest(bundle)
        options = {
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": "1",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
            **int8_options(),
        }
        compiled = ov.Core().compile_model(bundle / manifest.engine.file, "CPU", options)
        self._request = compiled.create_infer_request()
        self._spec = manifest.preprocessing
        self._barrier, self._seconds = barrier, seconds

    def decode(self, images: Sequence[bytes], first: int) -> Pixels:
        """Decode and normalise a batch: float32 [BATCH, S, S, 1]."""
        chosen = (images[n % len(images)] for n in range(first, first + BATCH))
        return np.stack([preprocess(image, self._spec) for image in chosen])

    def infer(self, pixels: Pixels) -> None:
        """Run the graph over a batch."""
        self._request.infer([pixels], share_inputs=True)

    def rate(self, step: Step, images_a_step: int) -> float:
        """Return images per second; starts together with the other cores."""
        step(0)
        self._barrier.wait(_READY_S)
        started_s, done = time.perf_counter(), 0
        while (now_s := time.perf_counter()) - started_s < self._seconds:
            step(done)
            done += images_a_step
        return done / (now_s - started_s)

    def rates(self, payloads: Mapping[str, Sequence[bytes]]) -> dict[str, float]:
        """Measure everything in turn."""
        size = self._spec.size_px
        blank = np.zeros((BATCH, size, size, 1), np.float32)
        found = {
            "engine, batch 1": self.rate(lambda _: self.infer(blank[:1]), 1),
            f"engine, batch {BATCH}": self.rate(lambda _: self.infer(blank), BATCH),
        }
        for name, images in payloads.items():
            decode = partial(self.decode, images)
            found[f"decode, {name}"] = self.rate(decode, BATCH)
            found[both_of(name)] = self.rate(partial(self._decode_and_infer, images), BATCH)
        return found

    def _decode_and_infer(self, images: Sequence[bytes], first: int) -> None:
        self.infer(self.decode(images, first))


def measure_ceiling(
    bundle: Path, payloads: Sequence[Payload], cores: int, seconds: float
) -> dict[str, float]:
    """Return images per second of all cores together, by step.

    Raises ChildProcessError if a core's process ended before it was done.
    """
    images = {p.name: [path.read_bytes() for path in p.paths[:_MOST_IMAGES]] for p in payloads}
    context = get_context("spawn")
    barrier, results = context.Barrier(cores), context.SimpleQueue()
    arguments = (bundle, images, barrier, seconds, results)
    processes = [context.Process(target=_one_core, args=arguments) for _ in range(cores)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.kill()
    if any(process.exitcode != 0 for process in processes):
        raise ChildProcessError("a process that measured the ceiling failed")
    each = [results.get() for _ in processes]
    return {name: round(sum(one[name] for one in each), 1) for name in each[0]}


def _one_core(
    bundle: Path,
    images: Mapping[str, Sequence[bytes]],
    barrier: Barrier,
    seconds: float,
    results: "SimpleQueue[dict[str, float]]",
) -> None:
    results.put(Core(bundle, barrier, seconds).rates(images))
