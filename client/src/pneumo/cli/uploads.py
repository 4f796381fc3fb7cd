"""`upload`: labelled images, from files, folders or a ZIP."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn

from pneumo.answers import UploadReport
from pneumo.bodies import Progress as Told
from pneumo.bulk.files import find_images
from pneumo.cli.address import address_of
from pneumo.cli.ending import Exit
from pneumo.cli.output import AsJson, new_console, print_json, print_table
from pneumo.client import Client
from pneumo.errors import InvalidInputError, PneumoError
from pneumo.uploads import Labelling

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATHS...",
        help="With --label: images, folders, globs. Without: ZIPs, folders with a folder a class.",
    ),
]
Label = Annotated[str | None, typer.Option(help="The class of every image.")]
Patient = Annotated[str | None, typer.Option("--patient-id", help="A pseudonym.")]
Source = Annotated[str | None, typer.Option(help="Where they come from: a pseudonym.")]
NewClass = Annotated[bool, typer.Option("--new-class", help="The label is meant to be new.")]


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

    Exits with 1 if some files were rejected, 4 if all were.
    """
    said = Labelling(patient_id, source, new_class=new_class)
    report = UploadReport()
    with (
        address_of(context).client() as client,
        Progress(
            BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=new_console()
        ) as bars,
    ):
        for part in _parts(paths, label):
            bar = bars.add_task("", total=None)

            def told(sent: int, total: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=sent, total=total)

            report = _joined(report, part.send(client, said, told))
    if as_json:
        print_json(report)
    else:
        _print(report)
    raise typer.Exit(_exit_of(report))


@dataclass(frozen=True, slots=True)
class _Part:
    """What goes in one call: a ZIP, whose label is None, or images of one label."""

    label: str | None
    files: list[Path]

    def send(self, client: Client, said: Labelling, progress: Told) -> UploadReport:
        """Send it; that nothing of it was taken is a report, too."""
        try:
            if self.label is None:
                return client.upload_zip(
                    self.files[0],
                    patient_id=said.patient_id,
                    source=said.source,
                    new_class=said.new_class,
                    progress=progress,
                )
            return client.upload(
                self.files,
                self.label,
                patient_id=said.patient_id,
                source=said.source,
                new_class=said.new_class,
                progress=progress,
            )
        except InvalidInputError as error:
            if not error.rejected:
                raise
            return UploadReport(accepted=error.accepted, rejected=error.rejected)


def _parts(paths: list[str], label: str | None) -> Iterator[_Part]:
    if label is not None:
        yield _Part(label, find_images(paths))
        return
    for path in map(Path, paths):
        if path.suffix.lower() == ".zip":
            yield _Part(None, [path])
        elif path.is_dir():
            yield from _classes_of(path)
        else:
            raise PneumoError(f"{path}: say which class it is, with --label.")


def _classes_of(folder: Path) -> Iterator[_Part]:
    classes = sorted(below for below in folder.iterdir() if below.is_dir())
    if not classes:
        raise PneumoError(f"{folder} has no folder a class; say which one it is, with --label.")
    for below in classes:
        yield _Part(below.name, find_images([str(below)]))


def _joined(one: UploadReport, other: UploadReport) -> UploadReport:
    return UploadReport(
        accepted=one.accepted + other.accepted, rejected=one.rejected + other.rejected
    )


def _print(report: UploadReport) -> None:
    labels = Counter(image.label for image in report.accepted)
    print_table(f"Accepted: {len(report.accepted)}", ("class", "images"), labels.items())
    if report.rejected:
        rows = ((file.filename, file.detail, file.code) for file in report.rejected)
        print_table(f"Rejected: {len(report.rejected)}", ("file", "why", "code"), rows)


def _exit_of(report: UploadReport) -> Exit:
    if not report.rejected:
        return Exit.GOOD
    return Exit.FAILED if report.accepted else Exit.REFUSED
