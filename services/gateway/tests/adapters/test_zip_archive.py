"""ZIPs that somebody has tampered with."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.spool import new_spool
from gateway.adapters.zip_archive import ZipArchives
from gateway.core.uploads import Candidate, UploadPart
from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode
from shared.testing.archives import new_zip
from shared.testing.images import new_jpeg

MIB = 1024 * 1024
NORMAL = ("NORMAL/a.jpeg", new_jpeg())


def find_faults(content):
    """List a ZIP and read all that is listed, as an upload does; return what is wrong with it."""
    faults = []
    with new_spool() as spool:
        spool.append(content)
        try:
            found = ZipArchives(50, MIB, MIB).list_images(spool, UploadPart(None, 0, len(content)))
        except FaultError as error:
            return [error.fault]
        for each in found:
            if isinstance(each, Candidate):
                try:
                    each.read()
                except FaultError as error:
                    faults.append(error.fault)
    return faults


def with_version(archive: bytes, version: int) -> bytes:
    """Have the directory say that an unpacker of this version is needed."""
    at = archive.index(b"PK\1\2") + 6
    return archive[:at] + version.to_bytes(2, "little") + archive[at + 2 :]


def with_flag(archive: bytes, flag: int) -> bytes:
    at = archive.index(b"PK\1\2") + 8
    return archive[:at] + flag.to_bytes(2, "little") + archive[at + 2 :]


@pytest.mark.parametrize(
    "archive", [with_version(new_zip(NORMAL), 90), with_flag(new_zip(NORMAL), 32)]
)
def test_what_is_packed_in_an_unknown_way_is_not_called_damaged(archive):
    (fault,) = find_faults(archive)
    assert fault.code is ErrorCode.UNSUPPORTED_ENTRY
    assert "damaged" not in fault.detail


SOUND = new_zip(NORMAL, ("PNEUMONIA/b.jpeg", new_jpeg(size_px=40)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_no_damage_to_a_zip_is_anything_but_a_fault(damage):
    content = bytearray(SOUND)
    for place, value in damage:
        content[place] = value
    assert all(fault.detail for fault in find_faults(bytes(content)))
