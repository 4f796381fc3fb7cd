"""The recipe: every number that shapes a model, in one value that the bundle can be traced to."""

from dataclasses import dataclass, field

from trainer.core.augmentation import Policy


@dataclass(frozen=True, slots=True)
class Learning:
    """Linear probe, then fine-tuning of the later blocks (LP-FT, Kumar et al. 2022).

    probe_strength: L2 strength λ of the probe on the mean loss. probe_views: views it sees,
    the clean one included. epochs: one augmented view each. smooth: label smoothing.
    mixup, mixstyle: share of the batches. ema: momentum of the weight average that is kept.
    """

    probe_strength: float = 0.012
    probe_views: int = 2
    epochs: int = 10
    batch: int = 48
    rate: float = 4e-4
    warm_up: float = 0.1
    decay: float = 0.05
    clip: float = 1.0
    dropout: float = 0.2
    smooth: float = 0.05
    mixup: float = 0.5
    mixup_alpha: float = 0.3
    mixstyle: float = 0.5
    ema: float = 0.995


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a bundle is made of a data set.

    validation_share: part of every class's images kept for validation, whole patients.
    split_seed, view_seed: fixed, so that runs of several seeds share cached features.
    kept_share, kept_seed: part of every further class that no training sees, whole patients.
    calibration_images: training images that the quantiser looks at, two thirds augmented.
    sensitivity: what the threshold keeps on validation, all looks pooled.
    """

    size_px: int = 224
    validation_share: float = 0.2
    split_seed: int = 0
    view_seed: int = 102
    kept_share: float = 0.3
    kept_seed: int = 1
    policy: Policy = field(default_factory=Policy)
    learning: Learning = field(default_factory=Learning)
    calibration_images: int = 300
    sensitivity: float = 0.95
    patients: int = 4
    """Fewest patients a class needs."""
