"""The model card: what the model is for, what it is not, and what it scored."""

from collections.abc import Mapping

from shared.contracts.bundle import Manifest
from trainer.core.dataset import Dataset, count

_INTENDED = """\
Research software, no medical device. The model sorts frontal chest radiographs of children by
look. It must not be used to diagnose, to treat or to withhold treatment."""

_LIMITS = """\
- Learned from one hospital's pictures of children aged one to five (Kermany et al. 2018) unless
  the data named above says otherwise. Adults, lateral views, other machines: not measured here.
- The figures are of validation patients of the same folder. "Shifted" means the same pictures
  blurred, darkened, flattened, sharpened, cropped and turned; it is kinder than a new hospital.
- It knows nothing but its classes: what is none of them is still given one."""


_SOURCES = """\
MobileNetV2 (Sandler et al. 2018), ImageNet weights of Keras, MIT. Pictures, where the layout is
kermany-2018: Kermany, Zhang, Goldbaum 2018, Mendeley Data, doi 10.17632/rscbjbr9sj, CC BY 4.0."""


def model_card(manifest: Manifest, dataset: Dataset, tried: Mapping[str, str]) -> str:
    """Give the card as Markdown. `tried`: the precisions tried, each with what it scored."""
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        _INTENDED,
        "",
        "## Learned from",
        "",
        _origin(manifest, dataset),
        "",
        "| class | images | patients |",
        "|---|---|---|",
        *(f"| {one.name} | {one.images} | {one.patients} |" for one in count(dataset)),
        "",
        _left_out(dataset),
        "",
        "## How it decides",
        "",
        _decision(manifest),
        "",
        "## Scored on validation patients",
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| {name} | {value:.4g} |" for name, value in manifest.metrics.items()),
        "",
        f"Served in {manifest.engine.precision}. Tried, with the class accuracy reached:",
        "",
        *(f"- {name}: {scored}" for name, scored in tried.items()),
        "",
        "## Limits",
        "",
        _LIMITS,
        "",
        "## Sources",
        "",
        _SOURCES,
        "",
    ]
    return "\n".join(lines)


def _origin(manifest: Manifest, dataset: Dataset) -> str:
    lineage = manifest.lineage
    return (
        f"Layout *{dataset.layout}*, data sha256 `{lineage.data_sha256[:16]}…`, "
        f"seed {lineage.seed}, code {lineage.code_version}."
    )


def _left_out(dataset: Dataset) -> str:
    return (
        f"{len(dataset.duplicates)} duplicate files and {len(dataset.conflicts)} files with "
        "conflicting labels were left out."
    )


def _decision(manifest: Manifest) -> str:
    bias = ", ".join(f"{b:+.3f}" for b in manifest.calibration.bias)
    return (
        f"Calibrated logits = logits / {manifest.calibration.temperature:.3f} + ({bias}); every "
        "class counts alike, so the probabilities assume no hospital's prior. "
        f"`{manifest.decision.reference_class}` is left where 1 − p reaches "
        f"{manifest.decision.threshold:.3f}, the point of largest balanced accuracy on shifted "
        "validation."
    )
