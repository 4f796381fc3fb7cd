import numpy as np
import pytest
from pydantic import ValidationError

from shared.contracts.bundle import Histogram
from trainer.core.reference import reference_of


def test_each_feature_is_counted_between_its_own_deciles() -> None:
    features = [(n / 100, n / 200) for n in range(100)]
    histograms = reference_of(features).histograms
    assert set(histograms) == {"brightness", "edge_density"}
    assert histograms["brightness"].edges == pytest.approx(np.arange(1, 10) * 0.099, abs=1e-6)
    assert histograms["edge_density"].edges == pytest.approx(np.arange(1, 10) * 0.0495, abs=1e-6)
    for histogram in histograms.values():
        assert histogram.counts == (10,) * 10


def test_pictures_that_are_all_alike_have_one_edge_and_lie_above_it() -> None:
    histogram = reference_of([(0.5, 0.1)] * 7).histograms["brightness"]
    assert (histogram.edges, histogram.counts) == ((0.5,), (0, 7))


@pytest.mark.parametrize(
    ("edges", "counts"),
    [((0.5,), (1, 2, 3)), ((0.5, 0.5), (1, 2, 3)), ((0.7, 0.5), (1, 2, 3)), ((0.5,), (0, 0))],
)
def test_a_histogram_that_cannot_be_is_refused(
    edges: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    with pytest.raises(ValidationError):
        Histogram(edges=edges, counts=counts)
