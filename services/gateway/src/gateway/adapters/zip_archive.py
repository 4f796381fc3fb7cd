"""A ZIP inside a spool: its directory judged, its entries unpacked one at a time, into memory."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from gateway.core.faults import Fault
from gateway.core.uploads import Candidate, RejectedImage, UploadPart
from gateway.core.zip_entries import Skip, Take, ZipEntry, judge_entry
from gateway.ports import FaultError, Spool
from shared.contracts.errors import ErrorCode

_DIRECTORY_BYTES_A_FILE = 1024
_MIN_DIRECTORY_BYTES = 256 * 1024
_CHUNK_BYTES = 64 * 1024
_MAX_NAME_CHARS = 255
_NOT_TAKEN = Fault(
    ErrorCode.UNSUPPORTED_ENTRY, "Its compression is not supported. Create the ZIP again."
)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class ZipArchives:
    """Lists the images of a ZIP. max_files: bounds the size of its directory."""

    max_files: int
    max_image_bytes: int
    max_dicom_bytes: int

    def list_images(self, spool: Spool, part: UploadPart) -> list[Candidate | RejectedImage]:
        """Judge every entry by the archive's directory; nothing is unpacked yet.

        Raises FaultError: UNDECODABLE, TOO_MANY_FILES (a directory too long to be read).
        """
        max_read = max(self.max_files * _DIRECTORY_BYTES_A_FILE, _MIN_DIRECTORY_BYTES)
        try:
            archive = zipfile.ZipFile(_Window(spool, part, max_read))
        except NotImplementedError as error:
            raise FaultError(_NOT_TAKEN) from error
        except _BROKEN as error:
            detail = "The archive is not a ZIP, or it is damaged or cut short."
            raise FaultError(Fault(ErrorCode.UNDECODABLE, detail)) from error
        return list(self._judge(archive))

    def _judge(self, archive: zipfile.ZipFile) -> Iterator[Candidate | RejectedImage]:
        for line in archive.infolist():
            entry = ZipEntry(
                name=line.orig_filename,
                size_bytes=line.file_size,
                packed_bytes=line.compress_size,
                method=line.compress_type,
                flags=line.flag_bits,
                system=line.create_system,
                attributes=line.external_attr,
            )
            name = entry.name[:_MAX_NAME_CHARS]
            verdict = judge_entry(
                entry, max_image_bytes=self.max_image_bytes, max_dicom_bytes=self.max_dicom_bytes
            )
            match verdict:
                case Take(folders):
                    unpack = partial(_unpack, archive, line)
                    yield Candidate(name, folders[-1], line.file_size, unpack, folders)
                case Fault(code, detail):
                    yield RejectedImage(name, code, detail)
                case Skip():
                    pass


class _Window:
    """The part of a spool that is the archive, as the file that zipfile wants.

    zipfile reads an archive's whole directory at once, whatever its size: the bound on one read
    is the bound on that. Entries are read in small pieces.
    """

    def __init__(self, spool: Spool, part: UploadPart, max_read: int) -> None:
        self._spool = spool
        self._part = part
        self._max_read = max_read
        self._position = 0

    def read(self, size_bytes: int = -1) -> bytes:
        left = max(self._part.size_bytes - self._position, 0)
        wanted = left if size_bytes < 0 else min(size_bytes, left)
        if wanted > self._max_read:
            detail = "The archive's directory is too long."
            raise FaultError(Fault(ErrorCode.TOO_MANY_FILES, detail))
        content = self._spool.read(self._part.start + self._position, wanted)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._position, self._part.size_bytes)[whence]
        if start + offset < 0:
            # An OSError, which zipfile expects of files, and a ValueError, as the rest of damage.
            raise io.UnsupportedOperation("before the archive's beginning")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True


def _unpack(archive: zipfile.ZipFile, line: zipfile.ZipInfo) -> bytes:
    """Return an entry's bytes, never more than its directory line says. Raises FaultError."""
    content = bytearray()
    try:
        with archive.open(line) as entry:
            while chunk := entry.read(_CHUNK_BYTES):
                content += chunk
    except NotImplementedError as error:
        raise FaultError(_NOT_TAKEN) from error
    except _BROKEN as error:
        raise FaultError(Fault(ErrorCode.UNDECODABLE, "The entry is damaged.")) from error
    return bytes(content)
