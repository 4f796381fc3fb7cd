import numpy as np
import pytest

from trainer.core.corruptions import FAMILIES, SEVERITIES, corrupted_view, graded_view
from trainer.core.phantoms import draw_phantom

SHA256 = "0f" * 32
GREY = draw_phantom(np.random.default_rng(0), opacity=0.2, patches=3, size_px=96)


def damage(name: str, severity: int) -> float:
    made = graded_view(name, severity).change(GREY, SHA256)
    return float(np.abs(made.astype(float) - GREY).mean())


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_higher_severity_changes_more(name: str) -> None:
    assert 0 < damage(name, 1) < damage(name, SEVERITIES)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_validation_shows_one_of_the_severities(name: str) -> None:
    shown = corrupted_view(name).change(GREY, SHA256)
    graded = [graded_view(name, s).change(GREY, SHA256) for s in range(1, SEVERITIES + 1)]
    assert any((shown == one).all() for one in graded)
