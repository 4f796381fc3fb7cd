"""Which bytes of a file a request asks for: RFC 9110, section 14."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of a file, the first and the last one included."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """Give how many they are."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class BehindEnd:
    """The file has no such byte."""


def choose_bytes(asked: str | None, size_bytes: int) -> ByteRange | BehindEnd | None:
    """Read a Range header; None: the whole file.

    That is also the answer to several ranges and to what cannot be read (section 14.2).
    size_bytes: of the file.
    """
    found = _ONE_RANGE.fullmatch(asked or "")
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        return _last_bytes(int(found[2]), size_bytes)
    first = int(found[1])
    last = int(found[2]) if found[2] else size_bytes - 1
    if found[2] and last < first:
        return None
    return BehindEnd() if first >= size_bytes else ByteRange(first, min(last, size_bytes - 1))


def _last_bytes(count: int, size_bytes: int) -> ByteRange | BehindEnd | None:
    if count == 0:
        return BehindEnd()
    # Of an empty file, no byte can be named.
    return ByteRange(max(0, size_bytes - count), size_bytes - 1) if size_bytes else None
