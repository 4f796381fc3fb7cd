"""The two graphs made of the network: pooled features to learn from, logits and maps to serve."""

import keras
from keras import layers, ops

from trainer.adapters.mobilenet import LAST, Weights, set_weights, trunk
from trainer.core.heads import LinearHead

MAPS = (LAST, 16, 12)
"""Depths that the head sees: block numbers, deepest first."""
WIDTHS = (1280, 320, 96)


def pooled_graph(weights: Weights, size_px: int) -> keras.Model:
    """Grey [N, S, S, 1] to the average-pooled maps of three depths, [N, 1696]."""
    entry = keras.Input((size_px, size_px, 1), name="image")
    maps = trunk(entry)
    pooled = [layers.GlobalAveragePooling2D(name=f"pool_{number}")(maps[number]) for number in MAPS]
    features = layers.Concatenate(name="features")(pooled)
    return set_weights(keras.Model(entry, features), weights)


def served_graph(weights: Weights, head: LinearHead, size_px: int) -> keras.Model:
    """Grey [N, S, S, 1] to `logits` [N, C] and `cam` [N, C, S/32, S/32].

    Each class's logit is the mean of its map, so the explanation is exact by construction.
    The maps of block 12 are twice as fine: their 2 × 2 means join the coarse grid, which leaves
    the overall mean as it is.
    """
    # Keras numbers its layers over the whole process; the file's bytes shall not show it.
    keras.utils.clear_session(free_memory=False)
    entry = keras.Input((size_px, size_px, 1), name="image")
    maps = trunk(entry)
    parts = [_class_map(maps[number], number, head) for number in MAPS]
    fine = layers.AveragePooling2D(2, name="cam_to_coarse")(parts[2])
    cam = layers.Add(name="cam_sum")([parts[0], parts[1], fine])
    outputs = {"logits": ops.mean(cam, axis=(1, 2)), "cam": ops.transpose(cam, (0, 3, 1, 2))}
    model = keras.Model(entry, outputs, name="pneumostream")
    return set_weights(model, {**weights, **_head_weights(head)})


def _class_map(features: keras.KerasTensor, number: int, head: LinearHead) -> keras.KerasTensor:
    classes = head.kernel.shape[1]
    layer = layers.Conv2D(classes, 1, use_bias=number == LAST, name=f"head_{number}")
    return layer(features)


def _head_weights(head: LinearHead) -> Weights:
    weights: Weights = {}
    start = 0
    for number, width in zip(MAPS, WIDTHS, strict=True):
        kernel = head.kernel[start : start + width][None, None]
        weights[f"head_{number}"] = [kernel, head.bias] if number == LAST else [kernel]
        start += width
    return weights
