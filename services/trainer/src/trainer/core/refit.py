"""A new head over frozen features: it learns from uploads and answers the rest as before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from trainer.core.arrays import Floats, Labels
from trainer.core.heads import LinearHead
from trainer.core.probabilities import equal_weights, softmax

_Doubles = NDArray[np.float64]
_SPREAD = 0.05
"""Added to the spread of every feature: one that is nearly always 0 shall not weigh by chance."""
_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Pull:
    """L2 strength λ on the mean loss that pulls a column to where it was; a new one to nothing."""

    known: float = 2.0
    new: float = 0.1


@dataclass(frozen=True, slots=True)
class _Task:
    """x: float32 [N, D], standardised. before: logits [N, C]. aims: probabilities [N, C].

    weights: [N], mean 1. strengths: [C].
    """

    x: Floats
    before: Floats
    aims: _Doubles
    weights: _Doubles
    strengths: _Doubles


def widened(head: LinearHead, classes: int) -> LinearHead:
    """Give the head with columns of zeros for the classes that it lacks."""
    missing = classes - head.kernel.shape[1]
    kernel = np.pad(head.kernel, ((0, 0), (0, missing)))
    return LinearHead(kernel, np.pad(head.bias, (0, missing)))


def refit_head(
    head: LinearHead, remembered: Floats, uploads: Floats, labels: Labels, classes: int, pull: Pull
) -> LinearHead:
    """Fit to the uploads' labels and, for what is remembered, to the head's own answers.

    remembered, uploads: features float32 [M, D], [N, D]. labels: of the uploads.
    Aiming at its own answers rather than at the labels, the head stands still where uploads do
    not move it: the labels of pictures that the backbone has learned by heart would (measured,
    docs/architecture/trainer.md). Of the uploads, every class counts alike. The same rows give the
    same head: nothing is drawn. Source: Li & Hoiem 2016, Learning without Forgetting.
    """
    known = head.kernel.shape[1]
    start = widened(head, classes)
    features = np.concatenate([remembered, uploads])
    mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(_SPREAD)
    own = np.pad(softmax(head.logits(remembered)), ((0, 0), (0, classes - known)))
    weights = np.concatenate([np.ones(len(remembered)), equal_weights(labels, classes)])
    change, shift = _best_change(
        _Task(
            (features - mean) / scale,
            start.logits(features),
            np.concatenate([own, np.eye(classes)[labels]]),
            weights,
            np.array([pull.known] * known + [pull.new] * (classes - known)),
        )
    )
    kernel = change / scale[:, np.newaxis]
    return LinearHead(
        (start.kernel + kernel).astype(np.float32),
        (start.bias + shift - mean @ kernel).astype(np.float32),
    )


def _best_change(task: _Task) -> tuple[_Doubles, _Doubles]:
    """Give the change of the kernel [D, C] and of the bias [C] that costs least."""
    (rows, width), classes = task.x.shape, task.before.shape[1]

    def loss(at: _Doubles) -> tuple[float, _Doubles]:
        change, shift = at[:-classes].reshape(width, classes), at[-classes:]
        # Sums over features in float32: twice as fast, and far finer than the labels are.
        logs = log_softmax(task.before + task.x @ change.astype(np.float32) + shift, axis=1)
        value = -(task.weights * (task.aims * logs).sum(axis=1)).mean()
        slope = task.weights[:, np.newaxis] * (np.exp(logs) - task.aims) / rows
        gradient = task.x.T @ slope.astype(np.float32) + task.strengths * change
        penalty = 0.5 * (task.strengths * change**2).sum()
        return float(value + penalty), np.concatenate([gradient.ravel(), slope.sum(axis=0)])

    best = minimize(
        loss,
        np.zeros((width + 1) * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS},
    )
    return best.x[:-classes].reshape(width, classes), best.x[-classes:]
