"""ZIPs that somebody has tampered with."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.spool import new_spool
from gateway.adapters.zip_archive import ZipArchives
from gateway.core.uploads import Candidate, Part
from gateway.ports import FaultError
from shared.testing.archives import new_zip
from shared.testing.images import new_jpeg

MIB = 1024 * 1024
NORMAL = ("NORMAL/a.jpeg", new_jpeg())


def unpack_all(content):
    """List a ZIP and read all that is listed, as an upload does."""
    with new_spool() as spool:
        spool.append(content)
        found = ZipArchives(50, MIB, MIB).list_images(spool, Part(None, 0, len(content)))
        for each in found:
            if isinstance(each, Candidate):
                try:
                    each.read()
                except FaultError:
                    continue


SOUND = new_zip(NORMAL, ("PNEUMONIA/b.jpeg", new_jpeg(size_px=40)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_no_damage_to_a_zip_is_anything_but_a_fault(damage):
    content = bytearray(SOUND)
    for place, value in damage:
        content[place] = value
    try:
        unpack_all(bytes(content))
    except FaultError as error:
        assert error.fault.detail
