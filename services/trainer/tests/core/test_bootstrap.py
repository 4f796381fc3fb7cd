import numpy as np

from trainer.core.bootstrap import intervals


def test_an_interval_covers_the_mean_and_narrows_with_patients() -> None:
    rng = np.random.default_rng(0)

    def width(patients: int) -> float:
        values = rng.random(patients)
        low, high = intervals(
            lambda rows: {"mean": float(values[rows].mean())},
            [f"p{n}" for n in range(patients)],
            draws=200,
        )["mean"]
        assert low < values.mean() < high
        return high - low

    assert width(400) < width(25)


def test_patients_are_drawn_whole() -> None:
    values = np.repeat([0.0, 1.0], 50)
    one_each = [f"p{n}" for n in range(100)]
    two = ["a"] * 50 + ["b"] * 50

    def figures_of(rows: np.ndarray) -> dict[str, float]:
        return {"mean": float(values[rows].mean())}

    assert intervals(figures_of, two, draws=200)["mean"] == (0.0, 1.0)
    low, _ = intervals(figures_of, one_each, draws=200)["mean"]
    assert low > 0.3
