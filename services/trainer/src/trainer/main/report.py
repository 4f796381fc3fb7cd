"""The root of the full report: the bundle's graph, its float parent, foreign pictures."""

import json
from pathlib import Path

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from shared.domain_guard import load_domain_guard
from trainer.adapters.foreign_folder import foreign_pictures
from trainer.adapters.package_pictures import package_pictures
from trainer.adapters.parent_graphs import ParentGraphs
from trainer.adapters.plots import draw_report
from trainer.adapters.read_graph import ReadGraph
from trainer.core.corruptions import FAMILIES, SEVERITIES
from trainer.core.dataset import Dataset
from trainer.core.evaluation_report import FullReport, as_json
from trainer.core.evaluation_text import full_report_text
from trainer.core.keeping import in_order_of, without
from trainer.main.folder import unseen
from trainer.main.source import NOTHING, Beside, open_folder
from trainer.ports import Progress
from trainer.service.keeping import read_kept
from trainer.service.pixels import Pixels
from trainer.service.report_story import Companions, full_report
from trainer.service.subject import Subject

_PARENT_FILE = "model.keras"
_OTHER_PASSES = 8
"""Clean, the parent twice, its two randomised forms, and lungs; hiding a quarter is not counted."""


def report_on(
    bundle: Path,
    folder: Path,
    progress: Progress,
    *,
    train: Path | None = None,
    note: str = "",
    beside: Beside = NOTHING,
    strangers: Path | None = None,
) -> FullReport:
    """Judge a bundle on a folder in full. train: the folder it learned from, to measure the shift.

    strangers: pictures that are no chest radiograph, a folder a kind, beside those of packages.

    Raises BundleError, UnlabelledError, TooFewError, OSError.
    """
    manifest = verify_bundle(bundle)
    progress.stage("reading the folders")
    images, dataset = unseen(bundle, manifest, folder, beside)
    learned = _learned(train, bundle, manifest, beside) if train else None
    passes = len(FAMILIES) * SEVERITIES + _OTHER_PASSES
    progress.expect(passes * len(dataset.examples))
    guard = load_domain_guard(bundle / manifest.domain.file) if manifest.domain else None
    engine = ReadGraph(bundle / manifest.engine.file)
    pixels = Pixels(images, manifest.preprocessing)
    subject = Subject(manifest, engine, guard, pixels, dataset, progress)
    size_px = manifest.preprocessing.size_px
    brought = foreign_pictures(strangers, size_px) if strangers else {}
    companions = Companions(
        foreign=package_pictures(size_px) | brought,
        parents=ParentGraphs(bundle / _PARENT_FILE),
        train=learned,
        names=images.names(),
        note=note,
    )
    return full_report(subject, companions)


def _learned(
    train: Path, bundle: Path, manifest: Manifest, beside: Beside
) -> tuple[Pixels, Dataset]:
    images, found = open_folder(train, beside)
    seen = without(found.dataset, read_kept(bundle) or frozenset())
    return Pixels(images, manifest.preprocessing), in_order_of(seen, manifest.classes)


def write_full_report(report: FullReport, docs: Path) -> None:
    """Write report.md, report.json and plots/ into the folder."""
    docs.mkdir(parents=True, exist_ok=True)
    draw_report(report, docs / "plots")
    (docs / "report.json").write_text(json.dumps(as_json(report), indent=1) + "\n")
    (docs / "report.md").write_text(full_report_text(report))
