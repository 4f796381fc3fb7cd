"""The linear probe: an L2-regularised softmax head on frozen, pooled features."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from trainer.core.arrays import Floats, Labels
from trainer.core.heads import LinearHead

_EPSILON = 1e-3
_ITERATIONS = 400


def fit_head(features: Floats, labels: Labels, *, strength: float, classes: int) -> LinearHead:
    """Fit on standardised features, every class counting alike, and fold the scaling back in.

    features: float32 [N, D], as they leave the pooling. strength: the L2 penalty λ on the
    mean loss; scikit-learn's C is 1 / (λ N).
    """
    mean = features.mean(axis=0)
    scale = features.std(axis=0) + np.float32(_EPSILON)
    regression = LogisticRegression(
        C=1.0 / (strength * len(features)), max_iter=_ITERATIONS, class_weight="balanced"
    )
    regression.fit((features - mean) / scale, labels)
    coefficients, intercept = regression.coef_, regression.intercept_
    if classes == 2:  # noqa: PLR2004  scikit-learn gives one row for two classes
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    kernel = (coefficients / scale).T
    return LinearHead(kernel.astype(np.float32), (intercept - mean @ kernel).astype(np.float32))
