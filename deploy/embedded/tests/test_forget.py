import io
from pathlib import Path

import pytest

from embedded.errors import AlreadyRunningError, DataFolderError
from embedded.stack.forget import forget
from embedded.stack.lock import hold_lock
from embedded.stack.reporter import Reporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "registry").mkdir(parents=True)
    return folder


def test_nothing_is_deleted_without_a_terminal_or_a_confirmation(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("data\n"))
    with pytest.raises(DataFolderError, match="YES=1"):
        forget(data, Reporter(), is_confirmed=False)
    assert data.exists()


@pytest.mark.parametrize(("typed", "is_kept"), [("data\n", False), ("yes\n", True), ("", True)])
def test_only_the_name_of_the_folder_deletes_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, typed: str, *, is_kept: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    if is_kept:
        with pytest.raises(DataFolderError):
            forget(data, Reporter(), is_confirmed=False)
    else:
        forget(data, Reporter(), is_confirmed=False)
    assert data.exists() is is_kept


def test_the_data_of_a_running_stack_stays(data: Path) -> None:
    with hold_lock(data), pytest.raises(AlreadyRunningError):
        forget(data, Reporter(), is_confirmed=True)
    assert data.exists()


def test_a_folder_that_no_stack_has_used_stays(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpeg").touch()
    with pytest.raises(DataFolderError, match="not the data folder"):
        forget(tmp_path, Reporter(), is_confirmed=True)
    assert (tmp_path / "holiday.jpeg").exists()
