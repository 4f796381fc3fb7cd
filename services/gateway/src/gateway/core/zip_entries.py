"""Which entries of a ZIP are labelled images, decided before anything is unpacked."""

import re
import stat
from dataclasses import dataclass

from gateway.core.dicom import SUFFIXES
from gateway.core.faults import Fault
from shared.contracts.errors import ErrorCode

MAX_RATIO = 100
"""Maximum ratio of unpacked to packed size; deflate reaches 1,032, X-ray images far less."""

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of a ZIP; the second is an empty one."""

_DICOM_BY_NAME = "In an archive a larger DICOM file needs a name that ends with .dcm or .dicom."

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1
_UNIX = 3
_LITTER = frozenset(("__macosx", "thumbs.db", "desktop.ini"))
"""Files that operating systems add; names that begin with a dot count too."""
_MAX_FOLDERS = 32
_DRIVE = re.compile(r"^[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry of a ZIP's directory; all values are raw."""

    name: str
    size_bytes: int
    packed_bytes: int
    method: int = _DEFLATED
    flags: int = 0
    system: int = _UNIX
    attributes: int = 0


@dataclass(frozen=True, slots=True)
class Take:
    """An image to unpack. folders: its folders, from the top; the last is its label."""

    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """A folder, or a file that an operating system added: not reported."""


def judge_entry(
    entry: ZipEntry, *, max_image_bytes: int, max_dicom_bytes: int
) -> Take | Skip | Fault:
    """Accept or reject one entry by its directory record; DICOM is recognised by its name."""
    fault = _find_name_fault(entry.name)
    if fault is not None:
        return fault
    parts = entry.name.removesuffix("/").split("/")
    if entry.name.endswith("/") or any(_is_litter(part) for part in parts):
        return Skip()
    fault = _find_kind_fault(entry)
    if fault is not None:
        return fault
    is_dicom = entry.name.lower().endswith(SUFFIXES)
    fault = _find_size_fault(entry, max_dicom_bytes if is_dicom else max_image_bytes)
    if fault is not None and fault.code is ErrorCode.TOO_LARGE and not is_dicom:
        fault = Fault(fault.code, f"{fault.detail} {_DICOM_BY_NAME}")
    if fault is not None:
        return fault
    if len(parts) == 1:
        detail = "The image is not in a folder. The label of an image is the name of its folder."
        return Fault(ErrorCode.INVALID_LABEL, detail)
    return Take(tuple(parts[:-1]))


def is_archive(head: bytes) -> bool:
    """Return whether the first bytes are those of a ZIP."""
    return head.startswith(SIGNATURES)


def _find_name_fault(name: str) -> Fault | None:
    parts = name.removesuffix("/").split("/")
    climbs = any(part in ("", ".", "..") for part in parts)
    if climbs or "\\" in name or _DRIVE.match(name) or _CONTROL.search(name):
        detail = (
            "Names in an archive must be relative, with plain folder names between single slashes."
        )
        return Fault(ErrorCode.UNSAFE_NAME, detail)
    if len(parts) > _MAX_FOLDERS:
        detail = f"An image in an archive must be at most {_MAX_FOLDERS} folders deep."
        return Fault(ErrorCode.UNSAFE_NAME, detail)
    return None


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _find_kind_fault(entry: ZipEntry) -> Fault | None:
    kind = stat.S_IFMT(entry.attributes >> 16) if entry.system == _UNIX else 0
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return Fault(ErrorCode.UNSUPPORTED_ENTRY, "Links and devices are not supported.")
    if entry.flags & _ENCRYPTED:
        return Fault(ErrorCode.UNSUPPORTED_ENTRY, "Encrypted entries are not supported.")
    if entry.method not in (_STORED, _DEFLATED):
        return Fault(ErrorCode.UNSUPPORTED_ENTRY, "Entries must be stored or deflated.")
    return None


def _find_size_fault(entry: ZipEntry, max_image_bytes: int) -> Fault | None:
    if entry.size_bytes > MAX_RATIO * max(entry.packed_bytes, 1):
        detail = f"The entry unpacks to more than {MAX_RATIO} times its size."
        return Fault(ErrorCode.TOO_COMPRESSED, detail)
    if entry.size_bytes > max_image_bytes:
        return too_large(max_image_bytes)
    return None


def too_large(max_image_bytes: int) -> Fault:
    """Return the error for an image over the limit."""
    limit = max_image_bytes // (1024 * 1024)
    return Fault(ErrorCode.TOO_LARGE, f"The image is larger than {limit} MiB.")
