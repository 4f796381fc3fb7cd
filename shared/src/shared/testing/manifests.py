"""Manifests for tests that need one but no bundle."""

from shared.contracts.bundle import (
    Calibration,
    DecisionRule,
    Engine,
    FileEntry,
    Lineage,
    Manifest,
    PreprocessingSpec,
)


def new_manifest(
    *, classes: tuple[str, ...] = ("healthy", "sick"), threshold: float = 0.5, version: str = "1"
) -> Manifest:
    """A valid manifest whose first class is the reference class; its one file is empty."""
    return Manifest(
        name="pneumonia",
        version=version,
        classes=classes,
        preprocessing=PreprocessingSpec(),
        calibration=Calibration(),
        decision=DecisionRule(reference_class=classes[0], threshold=threshold),
        engine=Engine(precision="f32"),
        files={"model.xml": FileEntry(sha256="0" * 64, size_bytes=0)},
        lineage=Lineage(data_sha256="0" * 64, code_version="test", seed=0, trained_at_ms=0),
    )
