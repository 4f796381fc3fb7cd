"""The graphs made of the network: the frozen stem, the trained tail, and the two as one."""

import keras
from keras import layers, ops

from trainer.adapters.mobilenet import LAST, Weights, set_weights, trunk

STEM_LAST = 6
"""The last block that is never trained; what comes out of it is cached."""
STEM_CHANNELS = 64
_STEM_STRIDE = 16
MAPS = (LAST, 16, 12)
"""Depths that the head sees: block numbers, deepest first."""
WIDTHS = (1280, 320, 96)
FEATURES = sum(WIDTHS)
"""Width of what the head sees."""
_DOMAIN_MAPS = (6, 9)
"""Depths that the domain guard sees."""
HEAD = "head"
"""The head's kernel [D, C] and bias [C] among the weights of a trained model."""


def pooled_graph(weights: Weights, size_px: int) -> keras.Model:
    """Grey [N, S, S, 1] to the average-pooled maps of three depths, [N, 1696]."""
    entry = keras.Input((size_px, size_px, 1), name="image")
    return set_weights(keras.Model(entry, _pooled(trunk(entry))), weights)


def stem_graph(weights: Weights, size_px: int) -> keras.Model:
    """Grey [N, S, S, 1] to the maps of the last frozen block, [N, S/16, S/16, 64]."""
    entry = keras.Input((size_px, size_px, 1), name="image")
    return set_weights(keras.Model(entry, trunk(entry, 0, STEM_LAST)[STEM_LAST]), weights)


def tail_graph(weights: Weights, size_px: int) -> keras.Model:
    """Maps of the last frozen block to the average-pooled maps of three depths, [N, 1696]."""
    side = size_px // _STEM_STRIDE
    entry = keras.Input((side, side, STEM_CHANNELS), name="image")
    maps = trunk(entry, STEM_LAST + 1)
    return set_weights(keras.Model(entry, _pooled(maps)), weights)


def _pooled(maps: dict[int, keras.KerasTensor]) -> keras.KerasTensor:
    pooled = [layers.GlobalAveragePooling2D(name=f"pool_{number}")(maps[number]) for number in MAPS]
    return layers.Concatenate(name="features")(pooled)


def served_graph(weights: Weights, size_px: int) -> keras.Model:
    """Grey [N, S, S, 1] to `logits` [N, C], `cam` [N, S/16, S/16, C] and `domain` [N, 256].

    weights: of every convolution, and the head's. Each class's logit is the mean of its map, so
    the explanation is exact by construction; the maps of the coarse depths are repeated 2 × 2.
    """
    # Keras numbers its layers over the whole process; the file's bytes shall not show it.
    keras.utils.clear_session(free_memory=False)
    entry = keras.Input((size_px, size_px, 1), name="image")
    maps = trunk(entry)
    classes = weights[HEAD][1].shape[0]
    cam = layers.Add(name="cam_sum")([_class_map(maps[n], n, classes) for n in MAPS])
    outputs = {"logits": ops.mean(cam, axis=(1, 2)), "cam": cam, "domain": _domain(maps)}
    model = keras.Model(entry, outputs, name="pneumostream")
    return set_weights(model, {**weights, **_class_map_weights(weights)})


def _class_map(features: keras.KerasTensor, number: int, classes: int) -> keras.KerasTensor:
    coarse = number > MAPS[-1]
    layer = layers.Conv2D(classes, 1, use_bias=number == LAST, name=f"head_{number}")
    part = layer(features)
    if not coarse:
        return part
    return layers.UpSampling2D(2, interpolation="nearest", name=f"head_{number}_repeated")(part)


def _class_map_weights(weights: Weights) -> Weights:
    kernel, bias = weights[HEAD]
    parts: Weights = {}
    start = 0
    for number, width in zip(MAPS, WIDTHS, strict=True):
        part = kernel[start : start + width][None, None]
        parts[f"head_{number}"] = [part, bias] if number == LAST else [part]
        start += width
    return parts


def _domain(maps: dict[int, keras.KerasTensor]) -> keras.KerasTensor:
    """Mean and spread of every channel of two depths, the first of them never trained."""
    parts = []
    for number in _DOMAIN_MAPS:
        mean = ops.mean(maps[number], axis=(1, 2), keepdims=True)
        parts.append(ops.reshape(mean, (-1, maps[number].shape[-1])))
        square = ops.mean(ops.square(maps[number] - mean), axis=(1, 2))
        parts.append(ops.sqrt(square + 1e-6))
    return ops.concatenate(parts, axis=-1)
