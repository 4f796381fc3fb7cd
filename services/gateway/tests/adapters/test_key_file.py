"""Keys on disk: written whole, read again when they change, never opened by a broken file."""

import json
import logging
import stat

import pytest

from gateway.adapters.key_file import KeyFileError, WatchedKeys, read_key_file, write_key_file
from gateway.core.keys import ApiKey, KeyRing, digest_of
from gateway.core.permissions import KeyScope

SECRET = "pneumo_never-to-be-seen"
KEY = ApiKey("ward", digest_of("pneumo_ward"), frozenset({KeyScope.PREDICT}), 1, 2, 3.5, 4)
ENTRY = {"name": "ward", "sha256": KEY.sha256, "scopes": ["predict"], "created_at_ms": 1}


class Hand:
    """A clock moved by hand."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_what_is_written_is_read_and_is_the_owners_alone(tmp_path):
    path = tmp_path / "new" / "keys.json"
    write_key_file(path, KeyRing((KEY,)))
    assert read_key_file(path) == KeyRing((KEY,))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"keys": [',
        json.dumps({"keys": [ENTRY, ENTRY]}),
        json.dumps({"keys": [ENTRY, ENTRY | {"name": "other"}]}),
        json.dumps({"keys": [ENTRY | {"scopes": ["everything"]}]}),
        json.dumps({"keys": [ENTRY | {"sha256": SECRET}]}),
        json.dumps({"keys": [ENTRY | {"key": SECRET}]}),
        json.dumps({"keys": [ENTRY | {"name": "../x"}]}),
        json.dumps({"keys": [ENTRY | {"burst": 0}]}),
        json.dumps({"keys": [ENTRY | {"rate_per_s": -1}]}),
        b" " * (1024 * 1024 + 1),
    ],
)
def test_a_broken_file_is_refused_and_not_quoted(tmp_path, contents):
    path = tmp_path / "keys.json"
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    with pytest.raises(KeyFileError) as refused:
        read_key_file(path)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(KeyFileError):
        WatchedKeys(tmp_path / "none.json", Hand())


def test_keys_change_with_their_file_and_a_broken_file_changes_nothing(tmp_path, caplog):
    path, clock = tmp_path / "keys.json", Hand()
    write_key_file(path, KeyRing((KEY,)))
    watched = WatchedKeys(path, clock)
    write_key_file(path, KeyRing())
    assert watched.current().keys == (KEY,)  # looked at once a second, no more
    clock.now_s += 1
    assert watched.current().keys == ()

    write_key_file(path, KeyRing((KEY,)))
    clock.now_s += 1
    assert watched.current().keys == (KEY,)
    with caplog.at_level(logging.ERROR):
        for contents in (f'{{"keys": [{{"sha256": "{SECRET}"}}]}}', "half of a fi"):
            path.write_text(contents)
            clock.now_s += 1
            assert watched.current().keys == (KEY,)
        path.unlink()
        clock.now_s += 1
        assert watched.current().keys == (KEY,)
    write_key_file(path, KeyRing())
    clock.now_s += 1
    assert watched.current().keys == ()
