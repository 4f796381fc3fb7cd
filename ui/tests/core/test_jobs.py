import pytest

from pneumo import Job, Model
from ui.core.jobs import (
    curves_of,
    job_rows,
    promotable,
    standing,
    verdict_on,
)
from ui.core.wording import change, figure

GATE = {
    "accepted": False,
    "current_version": "1",
    "images": 20,
    "checks": [
        {"name": "golden", "value": 0.2, "bound": 0.05, "relation": "<=", "passed": False},
    ],
}


def job(state="running", **fields) -> Job:
    said = {"id": "a" * 28 + "12345678", "state": state, "mode": "fast", "policy": "manual"}
    moments = {"seed": 0, "requested_at_ms": 0, "updated_at_ms": 90_000}
    return Job.model_validate(said | moments | fields)


def model(version, state, promoted_at_ms=None) -> Model:
    lineage = {"data_sha256": "", "code_version": "", "seed": 0, "trained_at_ms": 0}
    return Model.model_validate(
        {
            "name": "pneumonia",
            "version": version,
            "state": state,
            "bundle_sha256": "",
            "classes": ["NORMAL"],
            "metrics": {},
            "lineage": lineage,
            "created_at_ms": 0,
            "promoted_at_ms": promoted_at_ms,
        }
    )


def test_where_a_job_stands_is_said_with_what_is_left():
    said = standing(job(phase="fit", progress=0.42, seconds_left=65))
    assert said == "Job 12345678 (fast) is training: fit, 42 % done, about 1 min 5 s left."
    assert "asked to stop" in standing(job(cancel_requested=True))
    assert standing(job("failed")) == "Job 12345678 (fast) has failed."


@pytest.mark.parametrize(
    ("ended", "models", "kind", "words"),
    [
        (job("succeeded", model_version="2"), [model("2", "candidate")], "success", "waits to be"),
        (
            job("succeeded", model_version="2"),
            [model("2", "current")],
            "success",
            "current model now",
        ),
        (job("rejected", model_version="2", gate=GATE), [], "warning", "It failed golden."),
        (job("failed", error="too few images"), [], "error", "too few images"),
        (job("cancelled"), [], "warning", "nothing has changed"),
    ],
)
def test_a_verdict_says_what_to_do_now(ended, models, kind, words):
    verdict = verdict_on(ended, models)
    assert verdict.kind == kind
    assert words in verdict.text


def test_what_can_be_promoted_is_newest_first_and_never_refused_or_current():
    models = [model("1", "retired"), model("2", "current"), model("3", "rejected")]
    models.append(model("4", "candidate"))
    assert [each.version for each in promotable(models)] == ["4", "1"]


def test_epochs_become_curves_and_a_fast_job_has_none():
    assert curves_of(job().curves) is None
    epochs = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5, "validation": {"loss": 0.7}}]
    curves = curves_of(job(curves=epochs).curves)
    assert curves.epochs == (1, 2)
    assert curves.validation.loss == (None, 0.7)


def test_history_tells_how_long_it_took():
    assert job_rows([job("failed", error="why")])[0]["Took"] == "1 min 30 s"


def test_a_candidate_is_offered_before_the_version_that_was_rolled_back():
    models = [model("1", "candidate"), model("2", "current"), model("3", "retired")]
    assert [each.version for each in promotable(models)] == ["1", "3"]


def test_the_version_that_was_just_rolled_back_is_offered_last():
    models = [model("1", "retired", 10), model("2", "current", 40), model("3", "retired", 30)]
    assert [each.version for each in promotable(models)] == ["1", "3"]
    models = [model("1", "retired", 30), model("2", "retired", 20), model("3", "current", 40)]
    assert [each.version for each in promotable(models)] == ["2", "1"]


def test_a_figure_is_never_minus_zero():
    assert (figure(-0.0001), change(-0.0001), change(0.0)) == ("0.000", "+0.000", "+0.000")
