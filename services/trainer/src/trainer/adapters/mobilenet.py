"""MobileNetV2 1.0 in Keras, batch norms folded into biases, for grey pictures.

The picture's one channel stands for three equal ones, so the first convolution's kernel is
summed over its input channels: the same network, a third of the input.
Sandler et al. 2018.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from trainer.core.arrays import Kernels

_EPSILON = 1e-3
LAST = 17
"""The closing convolution, counted as one more block."""

# Per block: input channels, output channels, stride.
_BLOCKS = (
    (32, 16, 1), (16, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2),
    (64, 64, 1), (64, 64, 1), (64, 64, 1), (64, 96, 1), (96, 96, 1), (96, 96, 1), (96, 160, 2),
    (160, 160, 1), (160, 160, 1), (160, 320, 1),
)  # fmt: skip

Weights = Kernels


def load_weights(path: Path, size_px: int) -> Weights:
    """Read Keras's MobileNetV2 weights (include_top=False) and fold every batch norm."""
    shape = (size_px, size_px, 3)
    return _folded(
        keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=str(path))
    )


def random_weights(size_px: int, seed: int) -> Weights:
    """Draw an untrained network, for trying the machinery without the published weights.

    Variances after He et al. 2015, so that signals neither vanish nor explode.
    """
    entry = keras.Input((size_px, size_px, 1))
    model = keras.Model(entry, trunk(entry)[LAST])
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (weight.shape for weight in layer.weights)
            fan_in = np.prod(kernel[:2] if layer.name.endswith("depthwise") else kernel[:3])
            drawn = rng.standard_normal(kernel, np.float32) * np.float32(np.sqrt(2 / fan_in))
            weights[layer.name] = [drawn, np.zeros(bias, np.float32)]
    return weights


def _folded(model: keras.Model) -> Weights:
    norms = {"Conv1": "bn_Conv1", "Conv_1": "Conv_1_bn"}
    for layer in model.layers:
        if layer.name.endswith(("_expand", "_depthwise", "_project")):
            norms[layer.name] = f"{layer.name}_BN"
    weights: Weights = {}
    for convolution, norm in norms.items():
        kernel = model.get_layer(convolution).get_weights()[0]
        gamma, beta, mean, variance = model.get_layer(norm).get_weights()
        scale = gamma / np.sqrt(variance + _EPSILON)
        shape = (1, 1, -1, 1) if convolution.endswith("depthwise") else (1, 1, 1, -1)
        weights[convolution] = [kernel * scale.reshape(shape), beta - mean * scale]
    kernel, bias = weights["Conv1"]
    weights["Conv1"] = [kernel.sum(axis=2, keepdims=True), bias]
    return weights


def trunk(x: keras.KerasTensor, first: int = 0, last: int = LAST) -> dict[int, keras.KerasTensor]:
    """Give the outputs of blocks first..last on x; block 0 brings the first convolution along."""
    maps: dict[int, keras.KerasTensor] = {}
    if first == 0:
        x = layers.Conv2D(32, 3, 2, padding="same", name="Conv1")(x)
        x = layers.ReLU(6.0, name="Conv1_relu")(x)
    for number in range(first, last + 1):
        if number == LAST:
            x = layers.Conv2D(1280, 1, name="Conv_1")(x)
            x = layers.ReLU(6.0, name="out_relu")(x)
        else:
            x = _block(x, number)
        maps[number] = x
    return maps


def _block(x: keras.KerasTensor, number: int) -> keras.KerasTensor:
    channels, filters, stride = _BLOCKS[number]
    prefix = f"block_{number}" if number else "expanded_conv"
    y = x
    if number:
        y = layers.Conv2D(6 * channels, 1, name=f"{prefix}_expand")(y)
        y = layers.ReLU(6.0, name=f"{prefix}_expand_relu")(y)
    y = layers.DepthwiseConv2D(3, stride, padding="same", name=f"{prefix}_depthwise")(y)
    y = layers.ReLU(6.0, name=f"{prefix}_depthwise_relu")(y)
    y = layers.Conv2D(filters, 1, name=f"{prefix}_project")(y)
    if stride == 1 and channels == filters:
        return layers.Add(name=f"{prefix}_add")([x, y])
    return y


def set_weights(model: keras.Model, weights: Weights) -> keras.Model:
    """Set every convolution of the model that `weights` names, and give the model back."""
    for layer in model.layers:
        if layer.name in weights:
            layer.set_weights(weights[layer.name])
    return model
