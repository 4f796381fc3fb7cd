"""Outcomes that come late do not measure how fast the workers are now."""

from types import SimpleNamespace

import pytest

from gateway.core.admission import AdmissionLimits
from gateway.core.lag_by_owner import PartitionLag
from gateway.core.outcome_cache import OutcomeCache
from gateway.service.outcomes import OutcomeFinder
from gateway.service.predictions import PredictionService
from gateway.subscribers.results import on_result
from shared.clock import SystemClock, new_id
from shared.contracts.predict import Expired

HOUR_MS = 3_600_000


@pytest.mark.parametrize(("age_ms", "left"), [(0, 6), (HOUR_MS, 10)])
def test_outcomes_that_come_late_do_not_count_as_work_done_now(age_ms, left):
    clock = SystemClock()
    cache = OutcomeCache(100, 100_000)
    service = PredictionService(
        None, None, OutcomeFinder(None, None, clock, cache), None, clock, AdmissionLimits(9, 9)
    )
    service.update_lag([PartitionLag(0, "worker-0", 0, 10)], service.snapshot())
    receive = on_result(service.on_outcome)
    ids = [new_id() for _ in range(4)]
    for id_ in ids:
        outcome = Expired(id=id_, deadline_ms=1)
        at_ms = clock.now_ms() - age_ms
        receive(SimpleNamespace(value=outcome.to_bytes(), timestamp=at_ms))
    assert service.report().backlog == left
    assert all(cache.get(id_) for id_ in ids)
