"""Bodies of requests: images as they come, and forms that are read from disk as they are sent."""

import mimetypes
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ImageSource = bytes | str | os.PathLike[str] | IO[bytes]
"""An image: its bytes, the path of a file, or a file opened for reading in binary."""

Progress = Callable[[int, int], None]
"""Hears of the bytes that were sent, and of how many there are in all."""

OCTETS = "application/octet-stream"
_CHUNK_BYTES = 64 * 1024
_BOUNDARY = b"pneumo-9f0c1f6a3e5b47d2"


@dataclass(frozen=True, slots=True)
class Image:
    """An image on its way. content: its bytes, or a file that is read when its turn comes."""

    content: bytes | Path
    filename: str | None

    @property
    def size_bytes(self) -> int:
        """How much of it there is."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def content_type(self) -> str:
        """What its name says it is; the gateway looks at the bytes."""
        guessed = mimetypes.guess_type(self.filename or "")[0] or OCTETS
        return guessed if guessed.startswith("image/") else OCTETS

    def read(self) -> bytes:
        """Give all of it."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    def chunks(self) -> Iterator[bytes]:
        """Give it in pieces."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        with self.content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def image_of(source: ImageSource) -> Image:
    """Take an image as a caller has it. A file that is open is read, from where it stands."""
    if isinstance(source, bytes):
        return Image(source, None)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Image(path, path.name)
    name = getattr(source, "name", None)
    return Image(source.read(), Path(name).name if isinstance(name, str) else None)


class Body:
    """A body of known length that is made while it is sent, as often as it is asked for."""

    def __init__(
        self,
        size_bytes: int,
        chunks: Callable[[], Iterator[bytes]],
        progress: Progress | None = None,
    ) -> None:
        self.size_bytes = size_bytes
        self._chunks = chunks
        self._progress = progress

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for chunk in self._chunks():
            yield chunk
            sent += len(chunk)
            if self._progress is not None:
                self._progress(sent, self.size_bytes)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


@dataclass(frozen=True, slots=True)
class Form:
    """multipart/form-data with text fields and files, of which one chunk at a time is in memory."""

    fields: Sequence[tuple[str, str]]
    images: Sequence[Image]

    content_type = f"multipart/form-data; boundary={_BOUNDARY.decode()}"

    def body(self, progress: Progress | None = None) -> Body:
        """Give it as a body."""
        heads = sum(len(head) + 2 for head, _ in self._parts())
        contents = sum(image.size_bytes for image in self.images)
        texts = sum(len(value.encode()) for _, value in self.fields)
        return Body(heads + contents + texts + len(_END), self._chunks, progress)

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


_END = b"--" + _BOUNDARY + b"--\r\n"


def _head(name: str, filename: str | None = None, content_type: str | None = None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        # As browsers escape it (WHATWG, multipart/form-data).
        safe = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        disposition += f'; filename="{safe}"'
    kind = "" if content_type is None else f"\r\nContent-Type: {content_type}"
    head = f"\r\n{disposition}{kind}\r\n\r\n"
    return b"--" + _BOUNDARY + head.encode("utf-8", "surrogateescape")


def file_body(path: Path, progress: Progress | None = None) -> Body:
    """Give a file as a body."""
    file = Image(path, path.name)
    return Body(file.size_bytes, file.chunks, progress)
