"""From logits to what is believed: softmax, and calibration fitted on validation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from trainer.core.arrays import Floats, Labels

_Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """calibrated logits = logits / temperature + bias; `bias` has one entry a class, sum 0."""

    temperature: float
    bias: tuple[float, ...]

    def probabilities(self, logits: Floats) -> Floats:
        """Give float32 [N, C], each row summing to 1."""
        return softmax(logits / np.float32(self.temperature) + np.array(self.bias, np.float32))


def softmax(logits: Floats) -> Floats:
    """Give probabilities, float32 [N, C], without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def equal_weights(labels: Labels, classes: int) -> _Doubles:
    """Weigh examples so that every class that occurs counts alike; mean 1."""
    counts = np.bincount(labels, minlength=classes)
    weights = 1.0 / np.maximum(counts, 1)[labels]
    return np.asarray(weights / weights.mean())


def fit_calibration(logits: Floats, labels: Labels) -> Calibrated:
    """Fit temperature and bias by likelihood, every class counting alike.

    logits: float32 [N, C] of the engine that will serve, on validation images.
    Classes count alike because no prior of the training folder holds in another hospital.
    Source: Guo et al. 2017 (temperature); the bias undoes an intercept that the shift moved.
    """
    classes = logits.shape[1]
    weights = equal_weights(labels, classes)
    x = logits.astype(np.float64)
    onehot = np.eye(classes)[labels]

    def loss(at: _Doubles) -> tuple[float, _Doubles]:
        z = x * np.exp(at[0]) + at[1:]
        z = z - z.max(axis=1, keepdims=True)
        powers = np.exp(z)
        p = powers / powers.sum(axis=1, keepdims=True)
        value = -(weights * np.log(p[np.arange(len(p)), labels] + 1e-12)).mean()
        slope = weights[:, np.newaxis] * (p - onehot) / len(p)
        # A weak pull to no bias makes the answer unique: only differences of bias count.
        pull = 1e-6 * at[1:]
        gradient = np.concatenate([[(slope * x).sum() * np.exp(at[0])], slope.sum(0) + pull])
        return float(value + 0.5e-6 * (at[1:] ** 2).sum()), gradient

    bounds = [(-4.0, 4.0)] + [(-10.0, 10.0)] * classes
    best = minimize(loss, np.zeros(1 + classes), jac=True, method="L-BFGS-B", bounds=bounds)
    bias = best.x[1:] - best.x[1:].mean()
    return Calibrated(float(np.exp(-best.x[0])), tuple(float(b) for b in bias))


def widen_calibration(calibrated: Calibrated, logits: Floats, labels: Labels) -> Calibrated:
    """Give the calibration with a bias for every further column, the others left as they are.

    logits: float32 [N, C], of which `calibrated` knows the first. Labels of all classes. The
    temperature stays: a class that is told apart with ease would else make all of them too sure.
    """
    known, classes = len(calibrated.bias), logits.shape[1]
    weights = equal_weights(labels, classes)
    x = logits.astype(np.float64) / calibrated.temperature
    rows = np.arange(len(labels))

    def loss(new: _Doubles) -> float:
        z = x + np.concatenate([calibrated.bias, new])
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z[rows, labels]) / np.exp(z).sum(axis=1)
        return float(-(weights * np.log(p + 1e-12)).mean() + 0.5e-6 * (new**2).sum())

    bounds = [(-10.0, 10.0)] * (classes - known)
    best = minimize(loss, np.zeros(classes - known), method="L-BFGS-B", bounds=bounds)
    bias = np.concatenate([calibrated.bias, best.x])
    return Calibrated(calibrated.temperature, tuple(float(b) for b in bias - bias.mean()))
