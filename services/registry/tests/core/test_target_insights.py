"""What is said of a model in words, and where nothing can be said."""

from registry.core.model_insights import confusion_of
from registry.core.target_insights import targets_of
from shared.contracts.evaluation import Evaluation

CLASSES = ("NORMAL", "one", "two")


def evaluation(*rows: tuple[int, tuple[float, float, float]]) -> Evaluation:
    labels, probabilities = zip(*rows, strict=True)
    return Evaluation(classes=CLASSES, patients=1, labels=labels, probabilities=probabilities)


SURE = evaluation(
    *[(0, (0.9, 0.06, 0.04))] * 30,
    *[(1, (0.2, 0.7, 0.1))] * 20,
    *[(1, (0.2, 0.3, 0.5))] * 10,
    *[(1, (0.8, 0.1, 0.1))] * 12,
)


def test_a_finding_is_any_class_but_the_reference_at_the_bundles_threshold() -> None:
    finding, *classes = targets_of(SURE, "NORMAL", 0.61234, None)
    assert (finding.name, finding.positives, finding.negatives) == ("finding", 42, 30)
    assert [one.name for one in classes] == list(CLASSES)
    assert finding.chosen is not None
    assert (finding.chosen.sensitivity, finding.chosen.specificity) == (0.71429, 1.0)
    assert "71.4 % of the findings are seen and 100.0 % of NORMAL are left alone: 12 missed" in (
        finding.interpretation
    )
    assert len(finding.thresholds.threshold) == len(finding.thresholds.ppv) == 101
    assert finding.reliability is not None
    assert "came true for 100.0 %, more often than said" in finding.reliability.interpretation
    assert all(one.chosen is None for one in classes)


def test_scores_and_the_threshold_are_rounded_alike() -> None:
    # Training counted 0.61234 against 0.61234: rounding must not lose the picture on the edge.
    edge = evaluation((0, (0.6, 0.2, 0.2)), (1, (0.3877, 0.6123, 0.0)))
    chosen = targets_of(edge, "NORMAL", 0.61234, None)[0].chosen
    assert chosen is not None
    assert (chosen.true_positives, chosen.true_negatives) == (1, 1)
    assert confusion_of(edge, "NORMAL", 0.61234).table == ((1, 0, 0), (0, 1, 0), (0, 0, 0))


def test_a_class_without_a_picture_has_counts_and_no_curves() -> None:
    two = targets_of(SURE, "NORMAL", 0.6, None)[-1]
    assert two.roc is two.precision_recall is two.reliability is None
    assert two.interpretation == "There is no picture of two, or none of another class."
    assert two.thresholds.sensitivity[50] is None
    assert two.thresholds.specificity[50] is not None


def test_the_confusion_is_of_what_is_reported_and_names_the_worst() -> None:
    found = confusion_of(SURE, "NORMAL", 0.6)
    assert found.table == ((30, 0, 0), (12, 20, 10), (0, 0, 0))
    assert found.interpretation == (
        "The reported class is right for 50 of 72 pictures, 69.4 %. "
        "Most often one is taken for NORMAL: 12 of 42."
    )
    perfect = confusion_of(evaluation((0, (1, 0, 0)), (1, (0, 1, 0))), "NORMAL", 0.6)
    assert "none was mistaken" in perfect.interpretation
