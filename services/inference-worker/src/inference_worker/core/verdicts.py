"""From logits to a calibrated, named answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import Calibration, DecisionRule, Manifest

Vector = NDArray[np.float32]

CLOSE_CALL = "close_call"
CLOSE_CALL_MARGIN = 0.1
"""An answer within this distance of the threshold, in probability, is called close."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """probabilities: by class in manifest order, each in [0, 1], summing to 1 within 1e-4.

    in_domain: False where the answer means nothing, because of what `warnings` names.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]
    in_domain: bool
    warnings: tuple[str, ...]


def calibrated(logits: Vector, calibration: Calibration) -> NDArray[np.float64]:
    """Give logits / temperature + bias, float32 [..., C] → float64 [..., C].

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    scaled = logits.astype(np.float64) / calibration.temperature
    return scaled + np.asarray(calibration.bias) if calibration.bias else scaled


def calibrate(logits: Vector, calibration: Calibration) -> Vector:
    """Softmax of the calibrated logits: float32 [C] → float32 [C], sums to 1."""
    scaled = calibrated(logits, calibration)
    exponents = np.exp(scaled - scaled.max())
    probabilities: Vector = (exponents / exponents.sum()).astype(np.float32)
    return probabilities


def decide_verdict(logits: Vector, manifest: Manifest, strange: tuple[str, ...] = ()) -> Verdict:
    """Name the class to report for one radiograph.

    logits: float32 [C], finite, in manifest order. strange: why it is out of domain, if it is.
    Raises ValueError if C differs from the manifest or a logit is not finite: a broken bundle
    or engine, never a bad image.
    """
    if logits.shape != (len(manifest.classes),):
        raise ValueError(f"{logits.shape} logits for {len(manifest.classes)} classes")
    if not np.isfinite(logits).all():
        raise ValueError("the engine gave a logit that is not finite")
    values = calibrate(logits, manifest.calibration)
    probabilities = {
        name: round(float(p), 6) for name, p in zip(manifest.classes, values, strict=True)
    }
    label = _label(probabilities, manifest.decision)
    return Verdict(
        label=label,
        confidence=probabilities[label],
        probabilities=probabilities,
        in_domain=not strange,
        warnings=strange + _warnings(probabilities, manifest.decision),
    )


def _label(probabilities: dict[str, float], rule: DecisionRule) -> str:
    others = {name: p for name, p in probabilities.items() if name != rule.reference_class}
    if 1.0 - probabilities[rule.reference_class] < rule.threshold:
        return rule.reference_class
    return max(others, key=others.__getitem__)


def _warnings(probabilities: dict[str, float], rule: DecisionRule) -> tuple[str, ...]:
    distance = abs(1.0 - probabilities[rule.reference_class] - rule.threshold)
    return (CLOSE_CALL,) if distance < CLOSE_CALL_MARGIN else ()
