"""A bundle's float parent from its .keras file, as it is and with shuffled weights."""

from pathlib import Path

import keras
import numpy as np

from trainer.adapters.conversion import to_openvino
from trainer.adapters.exporter import ServedGraph
from trainer.adapters.graphs import HEAD


class ParentGraphs:
    """Reads the file anew for every graph, so none sees what was done to another."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exact(self) -> ServedGraph:
        """Give it as it is. Raises OSError or ValueError if the file is no Keras model."""
        return ServedGraph(to_openvino(self._model()))

    def randomised(self, *, head_only: bool, seed: int) -> ServedGraph:
        """Give it with the values of every kernel shuffled, or of the head's alone."""
        model, rng = self._model(), np.random.default_rng(seed)
        for layer in model.layers:
            if layer.weights and (layer.name.startswith(HEAD) or not head_only):
                layer.set_weights(
                    [rng.permuted(one.ravel()).reshape(one.shape) for one in layer.get_weights()]
                )
        return ServedGraph(to_openvino(model))

    def _model(self) -> keras.Model:
        return keras.models.load_model(self._path, compile=False)
