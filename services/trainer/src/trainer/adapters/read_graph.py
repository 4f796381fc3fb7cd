"""A read-back bundle's graph, run here as a worker would run it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import openvino as ov

from trainer.adapters.openvino_engine import compile_graph, stream
from trainer.core.arrays import Floats


class ReadGraph:
    """An exported graph from disk. Raises RuntimeError if the file is none."""

    def __init__(self, path: Path) -> None:
        self._compiled = compile_graph(ov.Core().read_model(path))

    def ask(self, batches: Iterable[Floats], *outputs: str) -> Iterator[tuple[Floats, ...]]:
        """Give the named outputs, batch by batch, in order."""
        return stream(self._compiled, batches, outputs)
