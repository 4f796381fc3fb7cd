"""A model in charts: what it learned from, how, and how well it answers."""

import streamlit as st

from pneumo import Client, ModelInsights
from pneumo.insights import Judged, Target
from ui.core.figures.dataset import class_counts
from ui.core.figures.model import (
    confusion_matrix,
    precision_recall_curve,
    reliability_diagram,
    roc_curve,
    training_curves,
)
from ui.core.jobs import current_of
from ui.core.merit import judged_sentence, learned_counts, learned_rows, merit_rows
from ui.core.wording import figure, number
from ui.parts.charts import chart, table
from ui.parts.page import nothing_yet, section
from ui.parts.threshold_explorer import threshold_explorer


def model_insights_part(client: Client) -> None:
    """Show one version, the current one first."""
    models = tuple(reversed(client.models()))
    if not models:
        nothing_yet("No model yet.")
        return
    current = current_of(models)
    versions = [model.version for model in models]
    version = st.selectbox(
        "Version",
        versions,
        index=0 if current is None else versions.index(current.version),
        format_func=lambda name: (
            f"{name} (current)" if current and name == current.version else name
        ),
        key="insights-version",
    )
    with st.spinner("The model's figures are worked out …"):
        insights = client.model_insights(str(version))
    _learned(insights)
    _curves(insights)
    _validation(client, insights)
    _test(insights)


def _learned(insights: ModelInsights) -> None:
    section("What it learned from")
    trained = insights.trained_on
    if trained is None:
        nothing_yet("The bundle does not tell.")
        return
    chart(
        class_counts([each.name for each in trained.classes], learned_counts(trained)),
        key="model-learned",
        says=trained.interpretation,
        numbers=learned_rows(trained),
    )


def _curves(insights: ModelInsights) -> None:
    section("Training curves")
    curves = insights.curves
    if curves is None:
        nothing_yet("The bundle has no history of its training.")
        return
    loss, accuracy = training_curves(curves)
    left, right = st.columns(2, gap="large")
    with left:
        chart(loss, key="model-loss", says="")
    with right:
        chart(accuracy, key="model-accuracy", says="")
    st.markdown(curves.interpretation)


def _validation(client: Client, insights: ModelInsights) -> None:
    section("On validation pictures")
    judged = insights.validation
    if judged is None:
        nothing_yet("The bundle holds no validation predictions, so no chart can be drawn.")
        return
    _judged(judged, key="validation")
    if judged.targets:
        _target(client, insights, judged)


def _test(insights: ModelInsights) -> None:
    section("On the test set")
    if insights.test is None:
        nothing_yet("No test-set evaluation is available for this model.")
        return
    _judged(insights.test, key="test")


def _judged(judged: Judged, *, key: str) -> None:
    st.caption(judged_sentence(judged))
    left, right = st.columns(2, gap="large")
    with left:
        if judged.confusion is not None:
            st.subheader("Confusion matrix", anchor=False)
            chart(
                confusion_matrix(judged.confusion),
                key=f"{key}-confusion",
                says=judged.confusion.interpretation,
            )
    with right:
        st.subheader("Figures", anchor=False)
        table(merit_rows(judged), alt="Figures with their intervals")
        if judged.interpretation:
            st.markdown(judged.interpretation)


def _target(client: Client, insights: ModelInsights, judged: Judged) -> None:
    names = [target.name for target in judged.targets]
    name = st.selectbox(
        "Question: is it",
        names,
        format_func=lambda each: "any finding" if each == "finding" else each,
        key="insights-target",
    )
    target = judged.targets[names.index(str(name))]
    _rates(target)
    _reliability(target)
    threshold_explorer(client, insights.version, judged, target)


def _rates(target: Target) -> None:
    left, right = st.columns(2, gap="large")
    if target.roc is None or target.precision_recall is None:
        nothing_yet("There are pictures of one kind only: no curve can be drawn.")
        return
    total = target.positives + target.negatives
    with left:
        st.subheader(f"ROC · AUC {figure(target.roc.auc)}", anchor=False)
        chart(roc_curve(target.roc), key="model-roc", says=target.interpretation)
    with right:
        average = target.precision_recall.average_precision
        st.subheader(f"Precision and recall · AP {figure(average)}", anchor=False)
        share = target.positives / total if total else None
        chart(
            precision_recall_curve(target.precision_recall, prevalence=share),
            key="model-pr",
            says="The dotted line is the precision that calling everything a finding would have.",
        )


def _reliability(target: Target) -> None:
    if target.reliability is None:
        return
    st.subheader(f"Reliability · ECE {figure(target.reliability.ece)}", anchor=False)
    chart(
        reliability_diagram(target.reliability),
        key="model-reliability",
        says=target.reliability.interpretation,
        numbers=[
            {
                "From": f"{each.low:.1f}",
                "To": f"{each.high:.1f}",
                "Predicted": figure(each.predicted),
                "Observed": figure(each.observed),
                "Answers": number(each.count),
            }
            for each in target.reliability.bins
        ],
    )
