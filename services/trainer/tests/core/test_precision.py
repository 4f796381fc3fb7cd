import pytest

from trainer.core.precision import Kept, Rung, is_good_enough

EXACT = Rung(Kept.EVERYTHING, clean=0.80, shifted=0.78)


@pytest.mark.parametrize(
    ("clean", "shifted", "holds"),
    [(0.80, 0.78, "yes"), (0.79, 0.77, "yes"), (0.789, 0.78, "no"), (0.80, 0.765, "no")],
)
def test_a_rung_holds_while_neither_look_loses_more_than_a_point(
    clean: float, shifted: float, holds: str
) -> None:
    tried = Rung(Kept.HEAD, clean, shifted)
    assert is_good_enough(tried, EXACT, drop_points=1.0) is (holds == "yes")


def test_the_float_graph_always_holds() -> None:
    assert is_good_enough(Rung(Kept.EVERYTHING, 0.1, 0.1), EXACT, drop_points=0.0)
