"""`upload`: send labelled images from files, folders or ZIPs."""

import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn

from pneumo.bodies import ProgressCallback, UploadMetadata
from pneumo.bulk.files import find_images, is_litter, printable_path
from pneumo.bulk.folder_labels import choose_label, find_folder_problem, find_outer_folders
from pneumo.cli.address import address_of
from pneumo.cli.exit_codes import ExitCode, in_option_names
from pneumo.cli.output import (
    AsJson,
    new_console,
    print_json,
    print_message,
    print_table,
    report_skipped,
)
from pneumo.client import Client
from pneumo.errors import InvalidInputError, NotFoundError, PneumoError
from pneumo.models import UploadReport

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS...",
        help="With --label: images, folders, globs. Without: ZIPs, or one folder per class.",
    ),
]
Label = Annotated[str | None, typer.Option(help="The class of every image.")]
Patient = Annotated[str | None, typer.Option("--patient-id", help="Pseudonym of the patient.")]
Classes = Callable[[], Sequence[str]]
"""Requests the known classes; only folders without --label need them."""
Source = Annotated[str | None, typer.Option(help="Pseudonym of the origin.")]
NewClass = Annotated[
    bool, typer.Option("--new-class", help="Allow a label that is not a known class.")
]


def upload(
    context: typer.Context,
    paths: Paths,
    label: Label = None,
    patient_id: Patient = None,
    source: Source = None,
    new_class: NewClass = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Store labelled images for training. The same image again is stored once.

    A folder without --label: the label of an image is the nearest folder that is a class, or else
    the folder that it lies in, as in a ZIP.
    Exits with 1 if some files were rejected or skipped, 4 if all were rejected.
    """
    metadata = UploadMetadata(patient_id, source, new_class=new_class)
    with address_of(context).client() as client:
        # All paths are checked before the first request, so that a mistake sends nothing.
        plan = _plan(paths, label, lambda: _known_classes(client, new_class=new_class))
        report = _send(client, plan, metadata)
    if as_json:
        print_json(report)
    else:
        _print(report)
    report_skipped(plan.skipped)
    code = _exit_code_of(report)
    raise typer.Exit(ExitCode.FAILED if plan.skipped and code is ExitCode.OK else code)


@dataclass(frozen=True, slots=True)
class _Part:
    """One call of the client: a ZIP, whose label is None, or images of one label."""

    label: str | None
    files: list[Path]

    def send(
        self, client: Client, metadata: UploadMetadata, on_progress: ProgressCallback
    ) -> UploadReport:
        """Send it. If all of it was rejected, return this as a report."""
        options = asdict(metadata)
        try:
            if self.label is None:
                return client.upload_zip(self.files[0], **options, progress=on_progress)
            return client.upload(self.files, self.label, **options, progress=on_progress)
        except InvalidInputError as error:
            if not error.rejected:
                raise
            return UploadReport(accepted=error.accepted, rejected=error.rejected)


@dataclass(frozen=True, slots=True)
class _Plan:
    """parts: what is sent, in order. skipped: files that are no images."""

    parts: tuple[_Part, ...]
    skipped: tuple[Path, ...]


def _send(client: Client, plan: _Plan, metadata: UploadMetadata) -> UploadReport:
    report = UploadReport()
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=new_console()) as bars:
        for part in plan.parts:
            bar = bars.add_task("", total=None)

            def on_progress(sent: int, total: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=sent, total=total)

            try:
                report = _merge(report, part.send(client, metadata, on_progress))
            except (PneumoError, KeyboardInterrupt):
                _print_sent_so_far(report)
                raise
    return report


def _known_classes(client: Client, *, new_class: bool) -> Sequence[str]:
    """Return the model's classes, and with new_class those of the dataset, as the gateway does."""
    try:
        classes = client.current_model().classes or ()
    except NotFoundError:
        classes = ()
    return (*classes, *client.dataset().by_class) if new_class else classes


def _plan(paths: list[str], label: str | None, classes: Classes) -> _Plan:
    """Find the files to send. Raises PneumoError before anything is sent."""
    if label is not None:
        found = find_images(paths)
        return _Plan((_Part(label, list(found.images)),), found.skipped)
    parts: list[_Part] = []
    skipped: tuple[Path, ...] = ()
    for path in map(Path, paths):
        if path.is_file() and zipfile.is_zipfile(path):
            parts.append(_Part(None, [path]))
        elif path.is_dir():
            found = find_images([str(path)])
            parts += _classes_of(path, found.images, classes())
            _report_empty_classes(path, found.images)
            skipped += found.skipped
        elif path.exists():
            raise PneumoError(f"{path}: pass the label of this image with --label.")
        else:
            raise PneumoError(f"{path}: no such file or folder.")
    return _Plan(tuple(parts), skipped)


def _classes_of(folder: Path, images: Sequence[Path], classes: Sequence[str]) -> list[_Part]:
    """Group images by label, as in `train/NORMAL/patient-1/x.jpeg`. Raises PneumoError."""
    if any(image.parent == folder for image in images):
        raise PneumoError(
            f"{folder} contains images without a class folder. Put them into one folder per class, "
            f"or pass --label, for example --label {folder.resolve().name}."
        )
    # With the folder's own name, as in a ZIP of it: it may be a class with folders for patients.
    top = folder.resolve().name
    places = {image: (top, *image.parent.relative_to(folder).parts) for image in images}
    outer = find_outer_folders(places.values())
    by_label: dict[str, list[Path]] = {}
    for image, folders in places.items():
        problem = find_folder_problem(folders, outer, classes)
        if problem is not None:
            raise PneumoError(f"{printable_path(image)}: {problem} Nothing was sent.")
        by_label.setdefault(choose_label(folders, classes), []).append(image)
    return [_Part(label, files) for label, files in by_label.items()]


def _report_empty_classes(folder: Path, images: Sequence[Path]) -> None:
    filled = {parent for image in images for parent in image.parents}
    for below in sorted(folder.iterdir()):
        if below.is_dir() and below not in filled and not is_litter(below.name):
            print_message(f"{printable_path(below)}: the folder contains no image.")


def _print_sent_so_far(report: UploadReport) -> None:
    if report.accepted or report.rejected:
        print_message("The upload stopped early. Sent before:")
        _print(report)


def _merge(one: UploadReport, other: UploadReport) -> UploadReport:
    return UploadReport(
        accepted=one.accepted + other.accepted, rejected=one.rejected + other.rejected
    )


def _print(report: UploadReport) -> None:
    labels = Counter(image.label for image in report.accepted)
    print_table(f"Accepted: {len(report.accepted)}", ("class", "images"), labels.items())
    if report.rejected:
        rows = (
            (file.filename, in_option_names(file.detail), file.code) for file in report.rejected
        )
        print_table(f"Rejected: {len(report.rejected)}", ("file", "reason", "code"), rows)


def _exit_code_of(report: UploadReport) -> ExitCode:
    if not report.rejected:
        return ExitCode.OK
    return ExitCode.FAILED if report.accepted else ExitCode.REFUSED
