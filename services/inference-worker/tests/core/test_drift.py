"""The population stability index, against values worked out by hand, and its window."""

from itertools import islice

import numpy as np
import pytest

from inference_worker.core.drift import DriftLimits, InputWindow, stability_index
from shared.contracts.bundle import Histogram, InputReference

# Bins below .25, .5, .75, and above; every training picture's edge density is in the lower bin.
REFERENCE = InputReference(
    histograms={
        "brightness": Histogram(edges=(0.25, 0.5, 0.75), counts=(100, 100, 100, 100)),
        "edge_density": Histogram(edges=(0.5,), counts=(400, 0)),
    }
)
FEW = DriftLimits(images=8, seconds=60, least=4)


def index(late, trained):
    return stability_index(np.array(late), np.array(trained))


def window(*images, limits=FEW, now_s=0.0):
    made = InputWindow(REFERENCE, limits)
    for brightness in images:
        made.add((brightness, 0.1), now_s)
    return made


def test_two_histograms_by_hand():
    # Half an image more in every bin: of 41 images late 19.5 and 21.5, trained 9.5 and 31.5.
    # (10/41) · ln(19.5/9.5) + (−10/41) · ln(21.5/31.5) = 0.243902 · (0.719123 + 0.381910).
    assert index((19, 21), (9, 31)) == pytest.approx(0.268543, abs=1e-5)


def test_empty_bins_on_either_side_by_hand():
    # Shares 9.5/10 and .5/10 against the reverse: 2 · .9 · ln 19.
    assert index((9, 0), (0, 9)) == pytest.approx(5.300, abs=1e-3)


def test_the_same_shares_give_0_whatever_the_numbers():
    assert index((10, 30, 60), (10, 30, 60)) == 0
    assert index((100, 300, 600), (1000, 3000, 6000)) == pytest.approx(0, abs=1e-4)


def test_images_of_the_same_distribution_are_near_0_and_noise_is_as_the_source_says():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        made = window(*rng.random(200), limits=DriftLimits())
        found.append(made.indices(0)["brightness"])
    # χ² of three degrees of freedom, over 200 images; the reference here is exact.
    assert np.mean(found) == pytest.approx(3 / 200, rel=0.15)
    assert np.mean(np.array(found) > 0.1) == 0


def test_a_value_on_an_edge_lies_in_the_bin_above():
    on_edges, inside = window(0.0, 0.25, 0.5, 0.75), window(0.1, 0.3, 0.6, 0.8)
    assert on_edges.indices(0) == inside.indices(0)
    assert inside.indices(0)["brightness"] == pytest.approx(0, abs=1e-9)


def test_each_feature_has_an_index_of_its_own():
    found = window(*[0.1] * 200, limits=DriftLimits()).indices(0)
    assert found["brightness"] > 0.25
    assert found["edge_density"] < 0.01


def test_fewer_images_than_the_least_say_nothing():
    assert window(0.1, 0.1, 0.1).indices(0) == {}
    assert set(window(0.1, 0.1, 0.1, 0.1).indices(0)) == {"brightness", "edge_density"}


def test_only_the_last_images_count():
    dark, even = [0.1] * 20, [0.1, 0.3, 0.6, 0.8] * 2
    assert window(*dark, *even).indices(0) == window(*even).indices(0)


def test_images_grow_old():
    made = window(0.1, 0.1, 0.1, 0.1, now_s=0)
    for brightness in islice((0.1, 0.3, 0.6, 0.8), 3):
        made.add((brightness, 0.1), 50)
    assert made.indices(60)["brightness"] > 0.25
    assert made.indices(61) == {}
    made.add((0.8, 0.1), 61)
    assert made.indices(61)["brightness"] == pytest.approx(0, abs=1e-9)


def test_a_reference_of_one_feature_gives_one_index():
    only = InputReference(histograms={"edge_density": REFERENCE.histograms["edge_density"]})
    made = InputWindow(only, FEW)
    for _ in range(4):
        made.add((0.1, 0.9), 0)
    found = made.indices(0)
    assert set(found) == {"edge_density"}
    assert found["edge_density"] > 0.25
