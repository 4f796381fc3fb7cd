"""The modes that a trainer offers."""

from pathlib import Path

import pytest

from trainer.service.supplying import Terms

FOLDER = Path("folder")


@pytest.mark.parametrize(
    ("data", "weights", "modes"),
    [
        (None, None, ("fast",)),
        (FOLDER, None, ("fast",)),
        (None, FOLDER, ("fast",)),
        (FOLDER, FOLDER, ("fast", "full")),
    ],
)
def test_mode_full_is_offered_where_data_and_weights_are_set(
    data: Path | None, weights: Path | None, modes: tuple[str, ...]
) -> None:
    terms = Terms("t", 60, 5, FOLDER, "1", data, weights)
    assert terms.modes == modes
