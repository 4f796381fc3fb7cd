"""Request bodies: images, and forms that are read from disk while they are sent.

httpx can stream a form too, but it needs every file of the form open at once (up to 500) and
rejects file names that are not UTF-8.
"""

import mimetypes
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ImageSource = bytes | str | os.PathLike[str] | IO[bytes]
"""An image: its bytes, the path of a file, or a file opened for reading in binary."""

ProgressCallback = Callable[[int, int], None]
"""Called with the number of bytes sent and the total number of bytes."""

Progress = ProgressCallback  # its earlier name, removed in the next release

UPLOAD_TIMEOUT_S = 600.0
"""The gateway's own timeout for a request body."""

_OCTETS = "application/octet-stream"
_CHUNK_BYTES = 64 * 1024
_BOUNDARY = b"pneumo-9f0c1f6a3e5b47d2"
_END = b"--" + _BOUNDARY + b"--\r\n"
_MAX_FILES = 500
_MAX_BYTES = 64 * 1024 * 1024
"""Limits of one upload request: half of the files and a quarter of the bytes that are allowed."""


@dataclass(frozen=True, slots=True)
class OutgoingImage:
    """An image to send. content: its bytes, or a file that is read when it is sent."""

    content: bytes | Path
    filename: str | None

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def content_type(self) -> str:
        """The type that its name suggests; the gateway inspects the bytes."""
        guessed = mimetypes.guess_type(self.filename or "")[0] or _OCTETS
        return guessed if guessed.startswith("image/") else _OCTETS

    def read(self) -> bytes:
        """Return the bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in chunks."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        with self.content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def image_of(source: ImageSource) -> OutgoingImage:
    """Return an image; an open file is read from its current position."""
    if isinstance(source, bytes):
        return OutgoingImage(source, None)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return OutgoingImage(path, path.name)
    name = getattr(source, "name", None)
    return OutgoingImage(source.read(), Path(name).name if isinstance(name, str) else None)


@dataclass(frozen=True, slots=True)
class UploadMetadata:
    """patient_id, source: pseudonyms. new_class: the label may be unknown to every model."""

    patient_id: str | None
    source: str | None
    new_class: bool = False

    def fields(self, label: str | None = None) -> dict[str, str]:
        """Return the fields of a form, or the parameters of a query."""
        new_class = "true" if self.new_class else None
        named = {"label": label, "patient_id": self.patient_id, "source": self.source}
        return {
            name: value
            for name, value in {**named, "new_class": new_class}.items()
            if value is not None
        }


class Body:
    """A body of known size that is produced while it is sent, again for each retry.

    sent_bytes, total_bytes: what was sent before it, and the total to report.
    """

    def __init__(
        self,
        size_bytes: int,
        chunks: Callable[[], Iterator[bytes]],
        on_progress: ProgressCallback | None = None,
        sent_bytes: int = 0,
        total_bytes: int | None = None,
    ) -> None:
        self.size_bytes = size_bytes
        self._chunks = chunks
        self._on_progress = on_progress
        self._sent_bytes = sent_bytes
        self._total_bytes = size_bytes if total_bytes is None else total_bytes

    def __iter__(self) -> Iterator[bytes]:
        sent_bytes = self._sent_bytes
        for chunk in self._chunks():
            yield chunk
            sent_bytes += len(chunk)
            if self._on_progress is not None:
                self._on_progress(sent_bytes, self._total_bytes)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


@dataclass(frozen=True, slots=True)
class Form:
    """multipart/form-data of text fields and images, with one chunk at a time in memory."""

    fields: Sequence[tuple[str, str]]
    images: Sequence[OutgoingImage]

    content_type = f"multipart/form-data; boundary={_BOUNDARY.decode()}"

    @property
    def size_bytes(self) -> int:
        """The size of its body."""
        heads = sum(len(head) + 2 for head, _ in self._parts())
        contents = sum(image.size_bytes for image in self.images)
        texts = sum(len(value.encode()) for _, value in self.fields)
        return heads + contents + texts + len(_END)

    def new_body(
        self, on_progress: ProgressCallback | None, sent_bytes: int, total_bytes: int
    ) -> Body:
        """Return it as a body; sent_bytes, total_bytes: as in `Body`."""
        return Body(self.size_bytes, self._chunks, on_progress, sent_bytes, total_bytes)

    def _chunks(self) -> Iterator[bytes]:
        for head, content in self._parts():
            yield head
            yield from content
            yield b"\r\n"
        yield _END

    def _parts(self) -> Iterator[tuple[bytes, Iterable[bytes]]]:
        for name, value in self.fields:
            yield _head(name), (value.encode(),)
        for image in self.images:
            yield _head("files", image.filename or "image", image.content_type), image.chunks()


def new_forms(sources: Iterable[ImageSource], fields: dict[str, str]) -> list[Form]:
    """Return the forms that images are uploaded in. Raises ValueError if there is no image."""
    forms: list[Form] = []
    images: list[OutgoingImage] = []
    size_bytes = 0
    for image in map(image_of, sources):
        size_bytes += image.size_bytes
        if images and (len(images) >= _MAX_FILES or size_bytes > _MAX_BYTES):
            forms.append(Form(tuple(fields.items()), images))
            images, size_bytes = [], image.size_bytes
        images.append(image)
    if not images:
        raise ValueError("There is no image to upload.")
    return [*forms, Form(tuple(fields.items()), images)]


def new_file_body(path: Path, on_progress: ProgressCallback | None) -> Body:
    """Return a file as a body."""
    file = OutgoingImage(path, path.name)
    return Body(file.size_bytes, file.chunks, on_progress)


def _head(name: str, filename: str | None = None, content_type: str | None = None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        # Escaped as browsers do (WHATWG, multipart/form-data).
        safe = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        disposition += f'; filename="{safe}"'
    kind = "" if content_type is None else f"\r\nContent-Type: {content_type}"
    head = f"\r\n{disposition}{kind}\r\n\r\n"
    return b"--" + _BOUNDARY + head.encode("utf-8", "surrogateescape")
