"""The name of a file as clients write it: plain, RFC 2047 or RFC 8187."""

import base64
import binascii
import re
from email.quoprimime import header_decode
from urllib.parse import unquote_to_bytes

MAX_FILE_NAME_CHARS = 255

# Python's other codecs include ones that take quadratic time.
_CHARSETS = frozenset(("utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"))
_WORD = re.compile(r"=\?([A-Za-z0-9_-]+)(?:\*[A-Za-z-]*)?\?([BbQq])\?([^?\s]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*")
_EXTENDED = re.compile(
    rb"""(?:^|;)\s*filename\*\s*=\s*([A-Za-z0-9_-]+)'[A-Za-z0-9-]*'([^\s;]*)""", re.IGNORECASE
)


def read_file_name(plain: bytes, disposition: bytes) -> str | None:
    """Return the client's name of its file, for its own response only; never a path.

    plain: the parameter `filename`, which counts where it is present (RFC 7578, 4.2). .NET writes
    it as encoded words (RFC 2047), and others only `filename*` (RFC 8187), read from `disposition`.
    """
    name = plain.decode("utf-8", "replace")
    found = _read_words(name) or name or _read_extended(disposition)
    return found[:MAX_FILE_NAME_CHARS] or None


def _read_words(name: str) -> str:
    stripped = name.strip()
    if not stripped.startswith("=?") or _WORDS.fullmatch(stripped) is None:
        return ""
    words: list[tuple[str, bytes]] = []
    for charset, kind, text in _WORD.findall(stripped):
        content = _decode_word(kind, text)
        if content is None:
            return ""
        if words and words[-1][0] == charset:
            # A character may be split between two words.
            content = words.pop()[1] + content
        words.append((charset, content))
    decoded = [_decode(charset, content) for charset, content in words]
    return "" if None in decoded else "".join(filter(None, decoded))


def _decode_word(kind: str, text: str) -> bytes | None:
    if kind in "Qq":
        return header_decode(text).encode("latin-1", "replace")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _read_extended(disposition: bytes) -> str:
    # Without quoted values: `name="a; filename*=…"` has no such parameter.
    bare = b"".join(disposition.replace(b'\\"', b"").split(b'"')[::2])
    found = _EXTENDED.search(bare)
    if found is None:
        return ""
    return _decode(found[1].decode("ascii"), unquote_to_bytes(found[2])) or ""


def _decode(charset: str, content: bytes) -> str | None:
    if charset.lower() not in _CHARSETS:
        return None
    text = content.decode(charset, "replace")
    # A header cannot carry control characters; its decoded form can.
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
