"""Where a registry keeps what it keeps, as its settings say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.artifacts_s3 import S3Artifacts
from registry.adapters.bucket import open_bucket
from registry.adapters.images_disk import DiskImages
from registry.adapters.images_s3 import S3Images
from registry.adapters.store.engine import close_engine, new_engine
from registry.ports import (
    Artifacts,
    ImageFiles,
    StartError,
)
from registry.settings import Settings


@contextmanager
def opened_engine(url: str) -> Iterator[Engine]:
    """Give an engine for as long as the block lasts. Raises StartError; never repeats the URL."""
    engine = new_engine(url)
    try:
        yield engine
    finally:
        close_engine(engine)


def open_files(settings: Settings) -> tuple[Artifacts, ImageFiles]:
    """Give the files, ready to be written. Raises StartError."""
    if settings.files_url is not None:
        return _open_in_s3(settings, settings.files_url)
    artifacts, images = _on_disk(settings)
    _prepare(artifacts.prepare, settings.data_dir / "artifacts")
    _prepare(images.prepare, settings.data_dir / "retrain_data")
    return artifacts, images


def look_at_files(settings: Settings) -> tuple[Artifacts, ImageFiles]:
    """Give the files of a registry that may be at work: nothing is prepared here, nor tidied up.

    Raises StartError.
    """
    if settings.files_url is not None:
        return _in_s3(settings, settings.files_url)
    return _on_disk(settings)


def _on_disk(settings: Settings) -> tuple[DiskArtifacts, DiskImages]:
    folder = settings.data_dir
    artifacts = DiskArtifacts(folder / "artifacts", max_bytes=settings.max_artifact_bytes)
    return artifacts, DiskImages(folder / "retrain_data")


def _open_in_s3(settings: Settings, url: str) -> tuple[S3Artifacts, S3Images]:
    artifacts, images = _in_s3(settings, url)
    _prepare(artifacts.prepare, settings.data_dir / "incoming")
    return artifacts, images


def _in_s3(settings: Settings, url: str) -> tuple[S3Artifacts, S3Images]:
    bucket = open_bucket(url, settings.files_endpoint)
    folder = settings.data_dir / "incoming"
    return S3Artifacts(bucket, folder, max_bytes=settings.max_artifact_bytes), S3Images(bucket)


def _prepare(prepare: Callable[[], None], folder: Path) -> None:
    try:
        prepare()
    except OSError as error:
        raise StartError(f"The folder {folder} cannot be used: {error.strerror}.") from error
