"""OpenVINO as the forward pass: inputs stream in, outputs come back in order."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import openvino as ov

from trainer.core.arrays import Floats


def compile_graph(model: ov.Model) -> ov.CompiledModel:
    """Compile for the CPU. Float stays float32, so that machines with bf16 answer alike.

    Pinned threads of several processes land on the same core: no pinning.
    """
    options = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    return ov.Core().compile_model(model, "CPU", options)


def stream(compiled: ov.CompiledModel, batches: Iterable[Floats], output: str) -> Iterator[Floats]:
    """Give one named output for each batch, in order.

    An infer request is not re-entrant: the queue holds one a stream, and a batch waits for a
    free one. The next batch is prepared while the last ones are computed.
    """
    queue = ov.AsyncInferQueue(compiled)
    done: dict[int, Floats] = {}

    def keep(request: Any, number: int) -> None:
        done[number] = np.array(request.get_tensor(output).data, np.float32)

    queue.set_callback(keep)
    given = 0
    for number, batch in enumerate(batches):
        queue.start_async({0: batch}, number)
        while given in done:
            yield done.pop(given)
            given += 1
    queue.wait_all()
    while given in done:
        yield done.pop(given)
        given += 1
