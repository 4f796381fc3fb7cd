"""Where TensorFlow is not installed, every entrance to full training says what to do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from trainer.__main__ import app
from trainer.main import full_packages
from trainer.main.full_packages import find_missing_packages

MISSING = (
    "Full training needs packages that are not installed (nncf): "
    "run make install-full, or install pneumostream-trainer[full]."
)


@pytest.fixture
def without_nncf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        full_packages, "find_spec", lambda name: None if name == "nncf" else object()
    )


def test_nothing_is_missing_where_the_tests_run() -> None:
    assert find_missing_packages() is None


@pytest.mark.usefixtures("without_nncf")
def test_what_is_missing_is_named() -> None:
    assert find_missing_packages() == MISSING


@pytest.mark.usefixtures("without_nncf")
@pytest.mark.parametrize("command", [["train"], ["samples"], ["data", "insights"]])
def test_a_command_that_needs_it_ends_with_one_sentence(command: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*command, str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert MISSING in str(done.exception or done.stderr)
