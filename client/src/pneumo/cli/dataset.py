"""`dataset …`: count, list, relabel and delete the stored images."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from pneumo.cli.address import address_of
from pneumo.cli.output import AsJson, format_time, print_json, print_message, print_table
from pneumo.client import Client
from pneumo.endpoints import ImageFilter
from pneumo.models import DatasetImage

dataset_app = typer.Typer(help="Count, list, relabel and delete the stored images.")

Sha256 = Annotated[str, typer.Argument(help="The image's sha256.")]
Label = Annotated[str | None, typer.Option(help="Only images of this class.")]
Source = Annotated[str | None, typer.Option(help="Only images of this source.")]
Upload = Annotated[str | None, typer.Option(help="Only images that this upload stored first.")]
_PAGE = 500


@dataset_app.callback(invoke_without_command=True)
def count(context: typer.Context, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Count the stored images by class and source; see also list, relabel and delete."""
    if context.invoked_subcommand is not None:
        return
    with address_of(context).client() as client:
        dataset = client.dataset()
    if as_json:
        print_json(dataset)
        return
    print_table(f"Dataset: {dataset.total} images", ("class", "images"), dataset.by_class.items())
    print_table("By source", ("source", "images"), dataset.by_source.items())
    print_table(f"Conflicts over labels: {dataset.conflicts}", (), ())


@dataset_app.command("list")
def list_images(
    context: typer.Context,
    label: Label = None,
    source: Source = None,
    upload: Upload = None,
    conflict: Annotated[  # noqa: FBT002
        bool, typer.Option("--conflict", help="Only images whose label is disputed.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of images.")] = 100,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """List the stored images, newest first."""
    wanted = ImageFilter(label, source, upload, only_conflicts=conflict)
    with address_of(context).client() as client:
        images = list(islice(_images(client, wanted, limit), limit))
    if as_json:
        print_json(images)
        return
    columns = ("sha256", "label", "disputed by", "source", "upload", "stored")
    print_table(f"Images: {len(images)}", columns, map(_row, images))
    if len(images) == limit:
        print_message(f"At most {limit} images are listed; pass --limit for more.")


@dataset_app.command()
def relabel(
    context: typer.Context,
    sha256: Sha256,
    label: Annotated[str, typer.Argument(help="The class that the image shows.")],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Set the label of an image; this resolves a conflict over it."""
    with address_of(context).client() as client:
        image = client.relabel(sha256, label)
    if as_json:
        print_json(image)
    else:
        print_message(f"{image.sha256} is {image.label}.")


@dataset_app.command()
def delete(
    context: typer.Context,
    sha256: Annotated[list[str] | None, typer.Argument(help="Images, by their sha256.")] = None,
    upload: Upload = None,
    source: Source = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,  # noqa: FBT002
) -> None:
    """Delete images by sha256, or those of one upload or one source. Asks before it deletes."""
    by_filter = upload is not None or source is not None
    if bool(sha256) == by_filter:
        raise typer.BadParameter("Pass images by their sha256, or --upload, --source, or both.")
    wanted = ImageFilter(source=source, upload_id=upload)
    with address_of(context).client() as client:
        if not yes:
            _confirm(client, sha256 or [], wanted)
        if sha256:
            for each in sha256:
                client.delete_image(each)
            print_message(f"{len(sha256)} deleted.")
        else:
            print_message(f"{_delete_matching(client, wanted)} deleted.")


def _confirm(client: Client, sha256: list[str], wanted: ImageFilter) -> None:
    number = len(sha256) or sum(1 for _ in _images(client, wanted, _PAGE))
    images = "1 image" if number == 1 else f"{number} images"
    typer.confirm(f"Delete {images}? This cannot be undone.", abort=True, err=True)


def _delete_matching(client: Client, wanted: ImageFilter) -> int:
    deleted = 0
    while True:
        step = client.delete_images(wanted)
        deleted += step.deleted
        if not step.left or not step.deleted:
            return deleted


def _images(client: Client, wanted: ImageFilter, limit: int) -> Iterator[DatasetImage]:
    cursor: str | None = None
    while True:
        page = client.list_images(wanted, limit=min(limit, _PAGE), cursor=cursor)
        yield from page.images
        cursor = page.next
        if cursor is None:
            return


def _row(image: DatasetImage) -> tuple[object, ...]:
    conflict = ", ".join(image.conflict)
    stored = format_time(image.created_at_ms)
    return (image.sha256, image.label, conflict, image.source, image.upload_id, stored)
