"""Folders that a service may write to, made at its start."""

import errno
from pathlib import Path

import pytest

from shared.observability.process import CannotStartError, make_folder


def test_a_folder_is_made_and_left_empty(tmp_path):
    make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_below_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotStartError, match="file/cache cannot be used: Not a directory"):
        make_folder(tmp_path / "file" / "cache")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_does_not_end_the_start(number, tmp_path, monkeypatch):
    def full(self):
        raise OSError(number, "full")

    monkeypatch.setattr(Path, "touch", full)
    make_folder(tmp_path / "cache")
