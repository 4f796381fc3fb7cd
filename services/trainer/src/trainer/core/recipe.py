"""The recipe: every number that shapes a model, in one value that the bundle can be traced to."""

from dataclasses import dataclass, field

from trainer.core.views import Policy


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a bundle is made of a data set.

    validation_share: part of every class's images kept for validation, whole patients.
    views: augmented views learned from beside the clean one.
    penalty: L2 strength λ of the head on the mean loss.
    calibration_images: training images that the quantiser looks at, two thirds augmented.
    int8_drop: largest loss of validation accuracy by int8, in points of 100, shifted included.
    """

    size_px: int = 224
    validation_share: float = 0.15
    views: int = 2
    policy: Policy = field(default_factory=Policy)
    penalty: float = 0.1
    calibration_images: int = 300
    int8_drop: float = 1.0
    patients: int = 4
    """Fewest patients a class needs."""
