"""Fine-tuning of the later blocks in TensorFlow, on cached maps of the frozen ones.

Every random number is drawn beforehand (core/mixing.py), so the seed alone decides.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from trainer.adapters.graphs import FEATURES, HEAD, tail_graph
from trainer.adapters.mobilenet import Weights
from trainer.core.arrays import Floats, Halves, Labels
from trainer.core.heads import LinearHead
from trainer.core.history import Checkpoint, Epoch, Held, Tuned, held_figures
from trainer.core.mixing import Mixing, class_weights, draw_mixing
from trainer.core.recipe import Learning
from trainer.ports import Checkpoints, Progress

_TINY = 1e-4
_LAST_RATE = 1e-6
_HELD_BATCH = 256
_Step = Callable[..., tf.Tensor]


class KerasTuner:
    """Trains everything behind the frozen blocks."""

    def __init__(self, weights: Weights, *, size_px: int) -> None:
        self._weights = weights
        self._size_px = size_px

    def fine_tune(
        self,
        start: LinearHead,
        views: Sequence[Halves],
        labels: Labels,
        held: Held,
        learning: Learning,
        seed: int,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> Tuned:
        """Give the averaged weights of the tail and the head after one view an epoch."""
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
        model = self._model(start)
        batch = min(learning.batch, len(labels))
        optimizer = _optimizer(learning, learning.epochs * (len(labels) // batch))
        optimizer.build(model.trainable_variables)
        weights = class_weights(labels, start.kernel.shape[1])
        step = _step(model, optimizer, learning, weights)
        rng = np.random.default_rng(seed)
        epochs = _resume(checkpoints.load(), model, optimizer, rng)
        progress.advance(len(epochs) * (len(labels) + len(held.labels)))
        progress.learned(epochs)
        for number in range(len(epochs), learning.epochs):
            maps = views[number % len(views)]
            loss = _learn_view(step, maps, labels, weights, batch, learning, rng, progress)
            logits = _averaged_logits(model, optimizer, held.maps)
            progress.advance(len(held.labels))
            figures = held_figures(logits, held.labels, weights, smooth=learning.smooth)
            epochs = (*epochs, Epoch(loss, figures))
            checkpoints.store(_checkpoint(model, optimizer, rng, epochs))
            progress.learned(epochs)
            done = f"fine-tuning, epoch {number + 1} of {learning.epochs}"
            accuracy = figures["balanced_accuracy"]
            progress.stage(f"{done}, loss {loss:.3f}, validation {accuracy:.3f}")
        optimizer.finalize_variable_values(model.trainable_variables)
        kernels = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
        return Tuned(kernels, epochs)

    def _model(self, start: LinearHead) -> keras.Model:
        body = tail_graph(self._weights, self._size_px)
        kept = keras.Input(body.output.shape[1:], name="kept")
        head = keras.layers.Dense(start.kernel.shape[1], name=HEAD)
        model = keras.Model([body.input, kept], head(body.output * kept))
        head.set_weights([start.kernel, start.bias])
        return model


def _learn_view(
    step: _Step,
    maps: Halves,
    labels: Labels,
    weights: Floats,
    batch: int,
    learning: Learning,
    rng: np.random.Generator,
    progress: Progress,
) -> float:
    """Show one view once, in a drawn order, and give the mean loss."""
    targets = np.eye(len(weights), dtype=np.float32)[labels]
    order, losses = rng.permutation(len(labels)), []
    for first in range(0, len(order) - batch + 1, batch):
        rows = np.sort(order[first : first + batch])
        mixing = draw_mixing(rng, batch, FEATURES, learning)
        losses.append(step(*_tensors(maps[rows], targets[rows], mixing)))
        progress.advance(batch)
    # What does not fill a batch sits this epoch out.
    progress.advance(len(order) % batch)
    return float(np.mean([float(one) for one in losses]))


def _averaged_logits(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, maps: Halves
) -> Floats:
    """Ask the running average of the weights, which is what is kept, and put the weights back."""
    variables = model.trainable_variables
    current = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    parts = []
    for at in range(0, len(maps), _HELD_BATCH):
        x = np.asarray(maps[at : at + _HELD_BATCH], np.float32)
        kept = np.ones((len(x), FEATURES), np.float32)
        parts.append(np.asarray(model([tf.constant(x), tf.constant(kept)], training=False)))
    for variable, value in zip(variables, current, strict=True):
        variable.assign(value)
    return np.concatenate(parts)


def _checkpoint(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    rng: np.random.Generator,
    epochs: tuple[Epoch, ...],
) -> Checkpoint:
    arrays = {
        f"{kind}/{number}": np.asarray(variable.numpy())
        for kind, variables in _state(model, optimizer)
        for number, variable in enumerate(variables)
    }
    return Checkpoint(arrays, rng.bit_generator.state, epochs)


def _resume(
    checkpoint: Checkpoint | None,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    rng: np.random.Generator,
) -> tuple[Epoch, ...]:
    """Set weights, optimiser and generator as they were, and give the epochs that are done."""
    if checkpoint is None:
        return ()
    for kind, variables in _state(model, optimizer):
        for number, variable in enumerate(variables):
            variable.assign(checkpoint.arrays[f"{kind}/{number}"])
    rng.bit_generator.state = dict(checkpoint.generator)
    return checkpoint.epochs


def _state(
    model: keras.Model, optimizer: keras.optimizers.Optimizer
) -> tuple[tuple[str, Sequence[keras.Variable]], ...]:
    return ("model", model.trainable_variables), ("optimizer", optimizer.variables)


def _optimizer(learning: Learning, steps: int) -> keras.optimizers.Optimizer:
    warm_up = round(steps * learning.warm_up)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up),
        _LAST_RATE,
        warmup_target=learning.rate,
        warmup_steps=max(1, warm_up),
    )
    return keras.optimizers.AdamW(
        rate, weight_decay=learning.decay, use_ema=True, ema_momentum=learning.ema
    )


def _tensors(maps: Halves, targets: Floats, mixing: Mixing) -> tuple[tf.Tensor, ...]:
    style = mixing.style[:, None, None, None]
    share = np.float32(mixing.share)
    values = (maps.astype(np.float32), targets, mixing.partner, style, share, mixing.kept)
    return tuple(tf.constant(value) for value in values)


def _step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    learning: Learning,
    weights: Floats,
) -> _Step:
    weight = tf.constant(weights)
    smooth = learning.smooth

    def step(
        x: tf.Tensor,
        target: tf.Tensor,
        partner: tf.Tensor,
        style: tf.Tensor,
        share: tf.Tensor,
        kept: tf.Tensor,
    ) -> tf.Tensor:
        x = _with_style(x, partner, style)
        x = share * x + (1 - share) * tf.gather(x, partner)
        target = share * target + (1 - share) * tf.gather(target, partner)
        scale = tf.reduce_sum(target * weight, -1)
        aim = target * (1 - smooth) + smooth / weights.shape[0]
        with tf.GradientTape() as tape:
            logits = model([x, kept], training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(aim, logits) * scale)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, learning.clip)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    compiled: _Step = tf.function(step, autograph=False)
    return compiled


def _with_style(x: tf.Tensor, partner: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Replace part of every channel's mean and spread by the partner's."""
    mean = tf.reduce_mean(x, (1, 2), keepdims=True)
    spread = tf.math.reduce_std(x, (1, 2), keepdims=True) + _TINY
    plain = (x - mean) / spread
    mean = style * mean + (1 - style) * tf.gather(mean, partner)
    spread = style * spread + (1 - style) * tf.gather(spread, partner)
    return plain * spread + mean
