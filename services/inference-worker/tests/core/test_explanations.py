"""A map in the units of the answer, and as a picture in the image's own coordinates."""

import io

import numpy as np
import pytest
from PIL import Image

from inference_worker.core.explanations import explain
from inference_worker.core.goldens import maps_agree
from inference_worker.core.overlays import LONG_SIDE_PX, draw_overlay, heat_of
from inference_worker.core.verdicts import calibrate
from shared.contracts.bundle import Calibration
from shared.testing.bundles import new_manifest

MANIFEST = new_manifest(classes=("healthy", "ill", "worse")).model_copy(
    update={"calibration": Calibration(temperature=0.8, bias=(-1.0, 0.5, 0.25))}
)


def some_maps(seed=0):
    return np.random.default_rng(seed).normal(0, 4, (14, 14, 3)).astype(np.float32)


def rgba(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_the_grid_adds_up_to_the_logit_and_the_logits_to_the_probabilities():
    maps = some_maps()
    for label in MANIFEST.classes:
        told = explain(maps, label, (224, 224), MANIFEST)
        assert told.of_class == label
        assert np.shape(told.grid) == (14, 14)
        assert np.mean(told.grid) == pytest.approx(told.logits[label], abs=0.001)
        exponents = np.exp(list(told.logits.values()))
        probabilities = calibrate(maps.mean(axis=(0, 1)), MANIFEST.calibration)
        assert exponents / exponents.sum() == pytest.approx(probabilities, abs=1e-5)


@pytest.mark.parametrize(
    ("size_px", "drawn_px"),
    [
        ((224, 224), (112, 112)),
        ((2000, 1500), (112, 84)),
        ((90, 360), (28, 112)),
        ((9000, 1), (112, 1)),
    ],
)
def test_an_overlay_has_the_aspect_of_its_image(size_px, drawn_px):
    picture = Image.open(io.BytesIO(draw_overlay(heat_of(np.eye(14)), size_px)))
    assert (picture.format, picture.size) == ("PNG", drawn_px)


@pytest.mark.parametrize("cell", [(0, 0), (3, 10), (13, 5)])
def test_an_overlay_is_hottest_where_its_cell_lies_and_clear_elsewhere(cell):
    grid = np.zeros((14, 14))
    grid[cell] = 5.0
    width, height = 1000, 500
    opacity = rgba(draw_overlay(heat_of(grid), (width, height)))[:, :, 3].astype(float)
    rows, columns = np.indices(opacity.shape)
    centre = [(opacity * along).sum() / opacity.sum() + 0.5 for along in (rows, columns)]
    wanted = [(cell[0] + 0.5) / 14 * opacity.shape[0], (cell[1] + 0.5) / 14 * opacity.shape[1]]
    # At the edge the smooth half outside of the picture is missing: half a cell at most.
    assert centre == pytest.approx(wanted, abs=LONG_SIDE_PX / 14 / 2)
    assert (opacity > 0).mean() < 9 / 196
    assert opacity.max() > 150


def test_heat_is_told_from_what_stands_out_alone():
    grid = some_maps()[:, :, 0].astype(np.float64)
    heat = heat_of(grid)
    assert (heat.min(), heat.max()) == (0.0, 1.0)
    np.testing.assert_allclose(heat_of(3 * grid + 7), heat, atol=1e-9)
    assert not heat[grid < grid.mean()].any()
    assert not heat_of(np.full((14, 14), 2.5)).any()
    assert not rgba(draw_overlay(np.zeros((14, 14)), (50, 50)))[:, :, 3].any()


def test_more_heat_is_lighter_and_more_opaque_at_every_step():
    ramp = np.tile(np.linspace(0, 1, 112), (112, 1))
    red, green, blue, opacity = rgba(draw_overlay(ramp, (112, 112)))[0].astype(float).T
    lightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (np.diff(lightness) >= 0).all()
    assert (np.diff(opacity) >= 0).all()
    assert (opacity[0], opacity[-1]) == (0, 204)


def test_maps_that_do_not_add_up_are_told_from_those_that_do():
    maps = np.stack([some_maps(seed) for seed in range(4)])
    logits = maps.mean(axis=(1, 2))
    assert maps_agree(logits, maps)
    assert not maps_agree(logits + np.float32(0.002), maps)
    assert not maps_agree(logits, maps[..., :2])
    assert not maps_agree(logits, maps[0])
    assert not maps_agree(logits, maps * np.float32("nan"))
