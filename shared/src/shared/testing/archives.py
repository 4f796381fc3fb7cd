"""ZIPs for tests, good and bad."""

import io
import stat
import zipfile


def new_zip(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Pack (name, content) in this order, under names that nobody has checked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def new_link(name: str) -> zipfile.ZipInfo:
    """Give an entry that says of itself that it is a symbolic link."""
    line = zipfile.ZipInfo(name)
    line.external_attr = (stat.S_IFLNK | 0o777) << 16
    return line
