"""What is counted of outcomes, swaps and the model's answers."""

import pytest
from prometheus_client import CollectorRegistry

from inference_worker.adapters.metrics import FAILURE_REASONS, WorkerMetrics
from inference_worker.adapters.model_health import ModelHealth
from inference_worker.core.retries import failed_outcome
from shared.contracts.dead_letters import Cause
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Failed, ModelRef, Succeeded


def answer(label, version="1", *, in_domain=True):
    return Succeeded(
        id="x",
        label=label,
        confidence=0.85,
        probabilities={label: 0.85},
        model=ModelRef(name="pneumonia", version=version),
        in_domain=in_domain,
    )


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def health(registry):
    health = ModelHealth(registry)
    health.model_swapped("1", [f"c{n}" for n in range(52)])
    return health


def named(registry, label, version="1"):
    labels = {"version": version, "label": label}
    return registry.get_sample_value("pneumo_predicted_labels_total", labels)


def test_classes_beyond_the_fiftieth_are_other(registry, health):
    assert (named(registry, "c49"), named(registry, "other")) == (0, 0)
    health.batch_answered([answer("c49"), answer("c50"), answer("c51")])
    assert (named(registry, "c49"), named(registry, "other")) == (1, 2)
    assert named(registry, "c50") is None


def test_confidence_and_strangers_are_counted_by_version(registry, health):
    version = {"version": "1"}
    assert registry.get_sample_value("pneumo_out_of_domain_total", version) == 0
    health.batch_answered([answer("c0"), answer("c0", in_domain=False)])
    assert registry.get_sample_value("pneumo_out_of_domain_total", version) == 1
    assert registry.get_sample_value("pneumo_confidence_sum", version) == pytest.approx(1.7)
    below = {"version": "1", "le": "0.8"}
    assert registry.get_sample_value("pneumo_confidence_bucket", below) == 0


def test_a_version_served_no_more_has_no_series_even_if_a_batch_of_it_ends_late(registry, health):
    health.batch_answered([answer("c0")])
    health.model_swapped("2", ["c0", "c1"])
    health.batch_answered([answer("c0", "1"), answer("c0", "2")])
    versions = {
        sample.labels["version"] for family in registry.collect() for sample in family.samples
    }
    assert versions == {"2"}
    assert named(registry, "c0", "2") == 1


def test_failures_are_counted_by_what_failed_from_0_and_no_code_makes_a_new_series(registry):
    metrics = WorkerMetrics(registry)

    def counted() -> dict[str, float]:
        return {
            sample.labels["reason"]: sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == "pneumo_prediction_failures_total"
        }

    before = counted()
    assert set(before.values()) == {0}
    codes = [*FAILURE_REASONS, ErrorCode.UNDECODABLE, ErrorCode.FORBIDDEN]
    metrics.batch_answered([Failed(id="1", code=code, detail="x") for code in codes], {})
    assert counted() == {**dict.fromkeys(before, 1), "undecodable": 2}


def test_every_reason_to_give_up_has_a_series_of_its_own():
    assert {failed_outcome("1", cause).code for cause in Cause} <= set(FAILURE_REASONS)


def test_outcomes_and_swaps_begin_at_0_and_a_swap_is_timed(registry):
    metrics = WorkerMetrics(registry)
    for outcome in ("succeeded", "failed", "expired"):
        labels = {"outcome": outcome}
        assert registry.get_sample_value("pneumo_predictions_total", labels) == 0
    for result in ("loaded", "refused"):
        labels = {"result": result}
        assert registry.get_sample_value("pneumo_model_swaps_total", labels) == 0
    metrics.model_swapped("2", 1.5)
    assert registry.get_sample_value("pneumo_model_swap_seconds_sum") == 1.5
