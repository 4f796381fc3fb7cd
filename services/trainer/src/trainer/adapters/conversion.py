"""Keras graphs as OpenVINO graphs, with names that depend on the graph alone."""

import warnings

import keras
import openvino as ov

INPUT = "image"


def to_openvino(graph: keras.Model) -> ov.Model:
    """Convert to float IR with one input `image`; outputs keep Keras's names."""
    shape = [-1, *graph.input_shape[1:]]
    with warnings.catch_warnings():
        # The converter calls the model with a tuple of one, at which Keras wonders.
        warnings.filterwarnings("ignore", "The structure of `inputs`", UserWarning)
        model = ov.convert_model(graph, input=[(INPUT, shape)])
    return renamed(model)


def renamed(model: ov.Model) -> ov.Model:
    """Number the operations in order, and give the model back.

    OpenVINO counts over the whole process; the bytes of a saved graph shall not show it.
    """
    for index, op in enumerate(model.get_ordered_ops()):
        if op.get_type_name() not in ("Parameter", "Result"):
            op.set_friendly_name(f"{op.get_type_name()}_{index}")
    return model
