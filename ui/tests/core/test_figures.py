"""Colours, and that every chart can be drawn from what the gateway may send."""

import itertools

import pytest

from pneumo.insights import (
    Confusion,
    Curves,
    EdgeDensity,
    Intensity,
    Reliability,
    Roc,
    Target,
    TrainedOn,
)
from ui.core.figures.dataset import class_counts, intensity_histogram, spreads
from ui.core.figures.model import (
    confusion_matrix,
    reliability_diagram,
    roc_curve,
    threshold_curves,
    training_curves,
)
from ui.core.figures.prediction import probability_bars
from ui.core.figures.style import DASHES, SERIES
from ui.core.merit import learned_counts, learned_rows
from ui.core.thresholds import counts_at, figures_at, nearest, sentence_at
from ui.core.wording import class_rows, count_of, moment_of_iso

LIGHT, DARK = "#ffffff", "#12181f"
SPREAD = {"pictures": 4, "mean": 0.1, "deviation": 0.0, "quartiles": [0.05, 0.1, 0.15]}
TARGET = Target.model_validate(
    {
        "name": "finding",
        "positives": 10,
        "negatives": 20,
        "thresholds": {
            "threshold": [0.0, 0.5, 1.0],
            "true_positives": [10, 8, 0],
            "false_negatives": [0, 2, 10],
            "false_positives": [20, 1, 0],
            "true_negatives": [0, 19, 20],
            "sensitivity": [1.0, 0.8, 0.0],
            "specificity": [0.0, 0.95, 1.0],
            "ppv": [1 / 3, 8 / 9, None],
            "npv": [None, 19 / 21, 2 / 3],
        },
        "chosen": {"threshold": 0.5},
    }
)


def luminance(colour):
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_every_series_stands_out_from_both_grounds(ground):
    # WCAG 2.1, 1.4.11: 3 : 1 for what a graphic is read by.
    assert {
        colour: contrast(colour, ground) for colour in SERIES if contrast(colour, ground) < 3
    } == {}


def test_series_differ_in_more_than_their_colour():
    assert len(set(DASHES)) == len(DASHES) == len(SERIES)


def seen_without_green(colour):
    """Viénot, Brettel and Mollon 1999: what a deuteranope sees, as linear red-green and blue."""
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c**2.2 for c in channels)
    return 0.2920 * red + 0.7054 * green - 0.0003 * blue, -0.0223 * red + 0.0223 * green + blue


def test_the_first_three_colours_differ_for_who_does_not_see_green():
    seen = [seen_without_green(colour) for colour in SERIES[:3]]
    for one, other in itertools.combinations(seen, 2):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.05


def test_charts_of_data_draw_one_thing_a_class():
    assert list(class_counts(["a", "b"], [1, 2]).data[0].x) == [1, 2]
    intensity = Intensity.model_validate(
        {"classes": ["a", "b"], "edges": [0, 128, 256], "histograms": [[0.5, 0.5], [1.0, 0.0]]}
    )
    drawn = intensity_histogram(intensity)
    assert [list(trace.x) for trace in drawn.data] == [[64, 192]] * 2
    edges = EdgeDensity.model_validate({"classes": ["a", "b"], "spreads": [SPREAD, SPREAD]})
    assert len(spreads(edges.classes, edges.spreads, x="", percent=True).data) == 4


def test_charts_of_a_model_take_empty_rows_and_gaps():
    confusion = confusion_matrix(Confusion(classes=("a", "b"), table=((3, 1), (0, 0))))
    assert confusion.data[0].text[0] == ["3<br>75%", "1<br>25%"]
    assert confusion.data[0].z[1] == [0.0, 0.0]
    curves = Curves.model_validate({"epochs": [1, 2], "loss": [1.0, None], "best_epoch": 2})
    loss, accuracy = training_curves(curves)
    assert len(loss.data) == 1
    assert len(accuracy.data) == 0
    reliability_diagram(Reliability(bins=()))
    roc_curve(Roc(false_positive_rate=(0.0, 1.0), sensitivity=(0.0, 1.0)))
    assert len(threshold_curves(TARGET.thresholds, at=0.5, chosen=None).data) == 4


def test_a_class_counts_its_uploads_in_the_chart_as_in_its_sentence():
    classes = [{"name": "viral", "images": 1338, "uploads": 9, "patients": 1090}]
    trained = TrainedOn.model_validate({"classes": classes})
    assert learned_counts(trained) == [1347]
    assert learned_rows(trained) == [
        {
            "Class": "viral",
            "Images": "1,338",
            "Patients": "1,090",
            "Uploads": "9",
            "Together": "1,347",
        }
    ]


def test_counts_have_separators_and_one_is_singular():
    assert count_of(1, "class", "classes") == "1 class"
    assert count_of(1045, "picture") == "1,045 pictures"
    assert class_rows(["viral"], [2512]) == [{"Class": "viral", "Images": "2,512"}]
    table = confusion_matrix(Confusion(classes=("a",), table=((1045,),)))
    assert list(table.data[0].text[0]) == ["1,045<br>100%"]


def test_a_moment_breaks_only_between_date_and_time():
    assert moment_of_iso("2026-12-01T02:20:59+00:00").split(" ") == [
        "1\u00a0Dec\u00a02026",
        "02:20:59\u00a0UTC",
    ]


def test_the_reported_class_stands_out_though_it_is_not_the_largest():
    bars = probability_bars({"NORMAL": 0.4, "viral": 0.6}, "NORMAL").data[0]
    assert bars.y[0] == "<b>NORMAL</b>"
    assert bars.marker.color[0] != bars.marker.color[1]


@pytest.mark.parametrize(("wanted", "place"), [(0.0, 0), (0.24, 0), (0.26, 1), (0.8, 2), (1.0, 2)])
def test_the_nearest_threshold_is_found(wanted, place):
    assert nearest(TARGET.thresholds, wanted) == place


def test_the_explorer_says_what_a_threshold_would_do_against_the_models_own():
    assert "2 of 10 pictures with finding would be missed" in sentence_at(TARGET, 1)
    assert "what the model's own threshold (0.50) does" in sentence_at(TARGET, 1)
    assert "2 fewer missed, 19 more false alarms" in sentence_at(TARGET, 0)
    assert "8 more missed, 1 fewer false alarm." in sentence_at(TARGET, 2)
    assert figures_at(TARGET.thresholds, 2)[2] == ("PPV", "–")
    assert counts_at(TARGET.thresholds, 1)[0] == {
        "Truth": "yes",
        "Called yes": "8",
        "Called no": "2",
    }
