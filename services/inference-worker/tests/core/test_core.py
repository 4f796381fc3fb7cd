"""The worker's decisions as tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_worker.core.goldens import inputs_agree, logits_agree
from inference_worker.core.offsets import OffsetLedger
from inference_worker.core.requests import PredictRequest, triage
from inference_worker.core.swaps import (
    REFUSALS,
    Backoff,
    Keep,
    Load,
    Refused,
    Serving,
    decide_swap,
    refuse,
)
from inference_worker.core.verdicts import calibrate, decide_verdict
from shared.contracts.bundle import Calibration
from shared.contracts.headers import RequestHeaders
from shared.contracts.models import ModelPromoted, RefusalCode
from shared.testing.bundles import new_manifest

MANIFEST = new_manifest(classes=("healthy", "sick", "sicker"), threshold=0.6)


def request(id_: str, deadline_ms: int) -> PredictRequest:
    return PredictRequest(RequestHeaders(id_, deadline_ms), b"", 0)


def test_a_deadline_reached_is_a_deadline_passed():
    found = triage([request("a", 999), request("b", 1000), request("c", 1001)], now_ms=1000)
    assert [r.headers.id for r in found.live] == ["c"]
    assert [e.id for e in found.expired] == ["a", "b"]


@pytest.mark.parametrize(
    ("logits", "label", "warnings"),
    [
        ((9.0, 0.0, 0.0), "healthy", ()),
        ((0.0, 9.0, 0.0), "sick", ()),
        ((0.0, 1.0, 9.0), "sicker", ()),
        # 1 − p(healthy) = .55 is below the threshold of .6, though healthy is not likelier
        ((0.6, 0.1, 0.1), "healthy", ("close_call",)),
        ((0.0, 0.1, 0.0), "sick", ("close_call",)),
    ],
)
def test_the_threshold_parts_the_reference_class_from_the_others(logits, label, warnings):
    verdict = decide_verdict(np.array(logits, np.float32), MANIFEST)
    assert (verdict.label, verdict.warnings) == (label, warnings)
    assert verdict.confidence == verdict.probabilities[label]
    assert tuple(verdict.probabilities) == MANIFEST.classes


@pytest.mark.parametrize("logits", [(1.0, 2.0), (1.0, float("nan"), 0.0), (float("inf"), 0.0, 0.0)])
def test_broken_logits_are_never_an_answer(logits):
    with pytest.raises(ValueError, match="logit"):
        decide_verdict(np.array(logits, np.float32), MANIFEST)


@given(st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3), st.floats(0.1, 10))
def test_calibrated_probabilities_sum_to_one_and_keep_their_order(logits, temperature):
    values = calibrate(np.array(logits, np.float32), Calibration(temperature=temperature))
    assert values.sum() == pytest.approx(1.0, abs=1e-5)
    first, second = np.sort(logits)[[-1, -2]]
    if first - second > 0.01:  # closer ones may meet in float32
        assert values.argmax() == np.argmax(logits)


def test_offsets_commit_only_up_to_the_first_unanswered_record():
    ledger: OffsetLedger[str] = OffsetLedger()
    ledger.begin("p", 0)
    for offset in (5, 6, 9):  # compaction and transactions leave gaps
        ledger.take("p", offset)
    ledger.settle("p", 6)
    assert ledger.advance() == {}
    ledger.settle("p", 5)
    assert ledger.advance() == {"p": 7}
    assert ledger.advance() == {}
    ledger.settle("p", 9)
    assert ledger.advance() == {"p": 10}


def test_a_revoked_partition_is_never_committed():
    ledger: OffsetLedger[str] = OffsetLedger()
    ledger.begin("p", 0)
    ledger.take("p", 1)
    ledger.forget()
    ledger.settle("p", 1)
    assert ledger.advance() == {}


def test_a_partition_stands_where_its_first_unanswered_record_is():
    ledger: OffsetLedger[str] = OffsetLedger()
    for partition in ("untouched", "answered", "tried", "dropped"):
        ledger.begin(partition, 3)
        if partition != "untouched":
            ledger.take(partition, 3)
            ledger.take(partition, 4)
            ledger.settle(partition, 4)
    ledger.settle("answered", 3)
    ledger.drop("dropped", 3)
    assert ledger.standing() == {
        "untouched": (3, True),
        "answered": (5, True),
        "tried": (3, False),
        "dropped": (3, True),
    }


@given(st.permutations(range(8)))
def test_whatever_the_order_of_answers_everything_is_committed_once_at_the_end(order):
    ledger: OffsetLedger[int] = OffsetLedger()
    ledger.begin(0, 0)
    for offset in range(8):
        ledger.take(0, offset)
    reached = 0
    answered = set()
    for offset in order:
        ledger.settle(0, offset)
        answered.add(offset)
        moved = ledger.advance().get(0, reached)
        assert moved >= reached
        assert set(range(moved)) <= answered
        reached = moved
    assert reached == 8


EVENT = ModelPromoted(name="pneumonia", version="2", bundle_sha256="b" * 64, promoted_at_ms=5)


@pytest.mark.parametrize(
    ("name", "serving", "refused", "expected"),
    [
        ("pneumonia", None, None, Load("2")),
        ("pneumonia", Serving("a" * 64, 5), None, Load("2")),
        ("pneumonia", Serving("a" * 64, 6), None, Keep("older than what is served")),
        ("pneumonia", Serving("b" * 64, 4), None, Keep("already served")),
        ("pneumonia", Serving("a" * 64, 4), Refused("b" * 64, 5, 1, None), Keep("refused before")),
        ("pneumonia", None, Refused("b" * 64, 5, 1, 9.1), Keep("refused, not yet due again")),
        ("pneumonia", None, Refused("b" * 64, 5, 1, 9.0), Load("2")),
        ("pneumonia", None, Refused("b" * 64, 4, 1, None), Load("2")),
        ("pneumonia", None, Refused("c" * 64, 5, 1, None), Load("2")),
        ("another", None, None, Keep("another model: pneumonia")),
    ],
)
def test_a_model_is_loaded_only_when_it_is_news(name, serving, refused, expected):
    found = decide_swap(EVENT, name=name, serving=serving, refused=refused, now_s=9.0)
    assert found == expected


def test_what_may_pass_is_tried_again_later_and_later():
    backoff, refused, delays = Backoff(first_s=30, max_s=900), None, []
    for _ in range(7):
        refused = refuse(EVENT, RefusalCode.DAMAGED, before=refused, now_s=100, backoff=backoff)
        delays.append(refused.again_at_s - 100)
    assert delays == [30, 60, 120, 240, 480, 900, 900]
    newer = EVENT.model_copy(update={"promoted_at_ms": 6})
    again = refuse(newer, RefusalCode.DAMAGED, before=refused, now_s=100, backoff=backoff)
    assert again == Refused("b" * 64, 6, 1, 130)


@pytest.mark.parametrize("code", [RefusalCode.GOLDENS, RefusalCode.INVALID])
def test_what_the_bundle_is_to_blame_for_is_refused_for_good(code):
    refused = refuse(EVENT, code, before=None, now_s=100, backoff=Backoff(30, 900))
    assert refused.again_at_s is None


def test_every_refusal_has_a_sentence_for_clients():
    assert set(REFUSALS) == set(RefusalCode)
    assert not any("/" in sentence for sentence in REFUSALS.values())


def test_goldens_tell_a_rounding_from_another_model():
    inputs = np.zeros((2, 4, 4, 1), np.float32)
    assert inputs_agree(inputs, inputs + 1e-6)
    assert not inputs_agree(inputs, inputs + 1e-2)
    assert not inputs_agree(inputs, inputs[:1])
    logits = np.array([[1.0, 2.0, 3.0]], np.float32)
    assert logits_agree(logits, logits + 0.02)
    assert not logits_agree(logits, logits[:, ::-1])
    assert not logits_agree(logits, np.full_like(logits, np.nan))
