"""Public sets: where they are, under what licence, and whether what came is what is meant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_SHA256 = re.compile(r"(?:[0-9a-f]{64})?")
_ADDRESS = re.compile(r"https?://\S+")


class CatalogueError(ValueError):
    """The catalogue, or what was asked of it, is wrong; the message says what."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One set. file: the name it gets here. sha256: of that file, empty if nobody stated it."""

    name: str
    title: str
    source: str
    address: str
    file: str
    licence: str
    sha256: str = ""


class ChecksumVerdict(StrEnum):
    """What a computed checksum means."""

    AS_RECORDED = "as recorded"
    AS_BEFORE = "as at the first download"
    FIRST_USE = "none was on record"
    MISMATCH = "another one is on record"


def parse_catalogue(tables: Mapping[str, Any]) -> dict[str, CatalogueEntry]:
    """Read a TOML document's tables. Raises CatalogueError."""
    return {name: _entry(name, table) for name, table in tables.items()}


def _entry(name: str, table: Any) -> CatalogueEntry:
    try:
        entry = CatalogueEntry(name=name, **table)
    except TypeError as error:
        raise CatalogueError(f"{name}: {error}") from error
    return checked(entry)


def checked(entry: CatalogueEntry) -> CatalogueEntry:
    """Give the entry back. Raises CatalogueError where a part has not the form it must have."""
    forms = {"name": _NAME, "file": _FILE, "address": _ADDRESS, "sha256": _SHA256}
    for part, form in forms.items():
        value = getattr(entry, part)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise CatalogueError(f"{entry.name}: {part} {value!r} is not of the form it must have")
    return entry


def choose(
    catalogue: Mapping[str, CatalogueEntry], name: str, *, url: str, sha256: str
) -> CatalogueEntry:
    """Give the entry to download; url and sha256, where not empty, replace the catalogue's.

    A name that the catalogue does not know needs a url. Raises CatalogueError.
    """
    known = catalogue.get(name)
    if known is None:
        if not url:
            names = ", ".join(sorted(catalogue))
            raise CatalogueError(f"{name} is not in the catalogue ({names}); name it with --url")
        known = CatalogueEntry(name, "named by --url", url, url, f"{name}.zip", "see the source")
    elif url:
        known = replace(known, address=url)
    return checked(replace(known, sha256=sha256.lower()) if sha256 else known)


def judge(computed: str, *, recorded: str, before: str | None) -> ChecksumVerdict:
    """Judge a sha256. recorded: the catalogue's or the user's; before: the first download's."""
    if recorded:
        return ChecksumVerdict.AS_RECORDED if computed == recorded else ChecksumVerdict.MISMATCH
    if before is not None:
        return ChecksumVerdict.AS_BEFORE if computed == before else ChecksumVerdict.MISMATCH
    return ChecksumVerdict.FIRST_USE
