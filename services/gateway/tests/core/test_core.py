"""The gateway's decisions as tables."""

import pytest

from gateway.adapters.outcome_log import partition_of
from gateway.core.admission import AdmissionLimits, Admitted, CurrentLoad, Refusal, decide_admission
from gateway.core.outcome_cache import OutcomeCache
from gateway.core.pending_requests import NotPending, PendingRequests, Resolved
from gateway.core.preferences import Preferences, parse_explain, parse_prefer
from gateway.core.workers import SILENT_AFTER_MS, recent_workers
from shared.contracts.errors import ErrorCode
from shared.contracts.models import WorkerStatus
from shared.contracts.predict import Expired, Failed

LIMITS = AdmissionLimits(max_in_flight=2, max_in_flight_bytes=100)


@pytest.mark.parametrize(
    ("load", "image_bytes", "expected"),
    [
        (CurrentLoad(0, 0, True), 100, Admitted(11_000)),
        (CurrentLoad(1, 50, True), 50, Admitted(11_000)),
        (CurrentLoad(1, 50, True), 51, ErrorCode.OVERLOADED),
        (CurrentLoad(2, 0, True), 1, ErrorCode.OVERLOADED),
        (CurrentLoad(0, 0, False), 1, ErrorCode.BROKER_UNAVAILABLE),
    ],
)
def test_admission(load, image_bytes, expected):
    found = decide_admission(
        image_bytes=image_bytes, wait_s=10, now_ms=1_000, load=load, limits=LIMITS
    )
    assert (found.code if isinstance(found, Refusal) else found) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Preferences(False, 10)),
        ("respond-async", Preferences(True, 10)),
        ("respond-async, wait=3", Preferences(True, 3)),
        ("wait=2.5", Preferences(False, 2.5)),
        ('wait="4"; x=1', Preferences(False, 4)),
        ("wait=9999", Preferences(False, 60)),
        ("handling=lenient", Preferences(False, 10)),
    ],
)
def test_preferences_as_in_rfc_7240(header, expected):
    assert parse_prefer(header, default_wait_s=10, max_wait_s=60) == expected


@pytest.mark.parametrize("header", ["wait=", "wait=soon", "wait=-1", "wait=0", "wait=nan"])
def test_a_wait_that_is_none_is_refused(header):
    with pytest.raises(ValueError, match="wait"):
        parse_prefer(header, default_wait_s=10, max_wait_s=60)


def test_an_explanation_is_asked_for_by_its_only_word():
    assert parse_explain([]) is None
    assert parse_explain(["cam", "cam"]) == "cam"
    for values in (["shap"], [""], ["cam", "lime"]):
        with pytest.raises(ValueError, match="cam"):
            parse_explain(values)


def test_an_outcome_wakes_its_waiter_once():
    pending: PendingRequests[str] = PendingRequests()
    pending.register("a", "somebody")
    assert pending.resolve("b") == NotPending()
    assert pending.resolve("a") == Resolved("somebody")
    assert pending.resolve("a") == NotPending()
    pending.register("c", "impatient")
    pending.discard("c")
    assert pending.resolve("c") == NotPending()
    assert len(pending) == 0


def test_the_cache_keeps_the_newest_and_the_first_word():
    cache = OutcomeCache(2, 1_000)
    for id_, deadline in (("a", 1), ("b", 2), ("b", 99), ("c", 3)):
        cache.add(Expired(id=id_, deadline_ms=deadline))
    assert cache.get("a") is None
    assert cache.get("b") == Expired(id="b", deadline_ms=2)
    assert cache.get("c") is not None


def test_the_cache_holds_no_more_bytes_than_it_may():
    outcome = Expired(id="a", deadline_ms=1)
    cache = OutcomeCache(100, 3 * len(outcome.to_bytes()))
    for id_ in "abcde":
        cache.add(Expired(id=id_, deadline_ms=1))
    assert [cache.get(id_) is None for id_ in "abcde"] == [True, True, False, False, False]
    cache.add(Failed(id="large", code=ErrorCode.INTERNAL, detail="x" * 1_000))
    assert all(cache.get(id_) is None for id_ in ("large", *"abcde"))
    cache.add(outcome)
    assert cache.get("a") == outcome


def test_a_silent_worker_is_not_counted():
    def word(id_, at_ms):
        return WorkerStatus(id=id_, ready=True, at_ms=at_ms)

    statuses = {"b": word("b", SILENT_AFTER_MS), "a": word("a", 1), "gone": word("gone", 0)}
    assert [w.id for w in recent_workers(statuses, SILENT_AFTER_MS)] == ["a", "b"]


def test_partitions_are_those_of_kafkas_own_partitioner():
    # Known vectors of org.apache.kafka.common.utils.Utils.murmur2
    assert partition_of(b"21", 1_000) == (-973932308 & 0x7FFFFFFF) % 1_000
    assert partition_of(b"foobar", 1_000) == (-790332482 & 0x7FFFFFFF) % 1_000
