"""What a person at a terminal reads."""

from collections.abc import Iterable

from rich.table import Table

from shared.contracts.bundle import Manifest
from trainer.core.catalogue import CatalogueEntry
from trainer.core.dataset import Dataset, count
from trainer.core.seeds import Row
from trainer.service.evaluation import EvaluationResult


def dataset_table(dataset: Dataset, held_out: tuple[int, ...]) -> Table:
    """Show images and patients of every class, and how many validation would keep."""
    table = Table("class", "images", "patients", "kept for validation", title=dataset.layout)
    for one, kept in zip(count(dataset), held_out, strict=True):
        table.add_row(one.name, str(one.images), str(one.patients), str(kept))
    return table


def catalogue_table(entries: Iterable[CatalogueEntry]) -> Table:
    """Show the public sets that can be downloaded."""
    table = Table("name", "what", "licence", "sha256")
    for one in entries:
        table.add_row(one.name, one.title, one.licence, one.sha256[:16] or "none on record")
    return table


def manifest_table(manifest: Manifest) -> Table:
    """Show what a bundle is and what it scored on validation."""
    size_mb = sum(entry.size_bytes for entry in manifest.files.values()) / 1e6
    table = Table("figure", "value", title=f"{manifest.name} {manifest.version}")
    table.add_row("engine", manifest.engine.precision)
    table.add_row("size", f"{size_mb:.1f} MB")
    table.add_row("threshold", f"{manifest.decision.threshold:.3f}")
    for name, value in manifest.metrics.items():
        table.add_row(name, f"{value:.4g}")
    return table


def evaluation_tables(dataset: Dataset, evaluation: EvaluationResult) -> tuple[Table, Table]:
    """Show the figures, and the confusion with the truth in rows."""
    figures = Table("figure", "value", "95 %")
    for name, value in evaluation.figures.items():
        span = "–".join(f"{end:.3f}" for end in evaluation.intervals.get(name, ()))
        figures.add_row(name, f"{value:.4f}", span)
    confusion = Table("truth \\ most probable", *dataset.classes)
    for name, row in zip(dataset.classes, evaluation.confusion, strict=True):
        confusion.add_row(name, *(str(number) for number in row))
    return figures, confusion


def summary_table(rows: Iterable[Row]) -> Table:
    """Show every figure's median over several bundles, and each bundle's own."""
    table = Table("figure", "median", "95 %", "each")
    for row in rows:
        span = "–".join(f"{end:.3f}" for end in row.interval or ())
        table.add_row(row.figure, f"{row.median:.4f}", span, " ".join(f"{x:.4f}" for x in row.each))
    return table
