"""OpenVINO as the forward pass: inputs stream in, outputs come back in order."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino as ov

from shared.int8_support import int8_options
from trainer.core.arrays import Floats

_THREADS = "OMP_NUM_THREADS"
"""Bounds every numeric library of a process but OpenVINO, for which it is read here."""


def compile_graph(model: ov.Model, *, exact: bool = True) -> ov.CompiledModel:
    """Compile for the CPU. Exact: float stays float32, so that machines with bf16 answer alike.

    Pinned threads of several processes land on the same core: no pinning.
    """
    options: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}
    if exact:
        options["INFERENCE_PRECISION_HINT"] = "f32"
    # As workers do: features and goldens must come from the arithmetic that will serve.
    options |= int8_options()
    threads = os.environ.get(_THREADS, "")
    if threads.isdigit():
        options["INFERENCE_NUM_THREADS"] = int(threads)
    return ov.Core().compile_model(model, "CPU", options)


def stream(
    compiled: ov.CompiledModel, batches: Iterable[Floats], names: Sequence[str]
) -> Iterator[tuple[Floats, ...]]:
    """Give the named outputs for each batch, in order.

    An infer request is not re-entrant: there is one a stream, and a batch waits for a free one.
    The next batch is prepared while the last ones are computed. Threads of our own rather than
    AsyncInferQueue: its callbacks take the interpreter's lock in OpenVINO's threads, which the
    compiled model's destructor joins while it holds that lock, and now and then both wait for ever.
    """
    streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
    for _ in range(streams):
        idle.put(compiled.create_infer_request())

    def answer(batch: Floats) -> tuple[Floats, ...]:
        request = idle.get()
        try:
            request.infer({0: batch})
            return tuple(np.array(request.get_tensor(n).data, np.float32) for n in names)
        finally:
            idle.put(request)

    with ThreadPoolExecutor(streams) as pool:
        pending: deque[Future[tuple[Floats, ...]]] = deque()
        for batch in batches:
            pending.append(pool.submit(answer, batch))
            while pending[0].done() or len(pending) > streams:
                yield pending.popleft().result()
                if not pending:
                    break
        while pending:
            yield pending.popleft().result()
