"""The stages of an answer add up to its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.stages import split_ms, worker_ms
from shared.contracts.predict import Timings

MS = st.floats(0, 60_000)
WORKER = st.builds(Timings, queue_ms=MS, decode_ms=MS, infer_ms=MS)


def test_the_stages_stand_in_their_order_and_reply_is_what_remains():
    stages = split_ms(20.0, 2.0, Timings(queue_ms=4, decode_ms=3, infer_ms=5))
    assert list(stages.items()) == [
        ("admit", 2.0),
        ("queue", 4.0),
        ("decode", 3.0),
        ("infer", 5.0),
        ("reply", 6.0),
    ]


def test_a_stage_that_the_request_did_not_get_to_is_not_named():
    stages = split_ms(20.0, 2.0, Timings(queue_ms=4, decode_ms=3))
    assert stages == {"admit": 2.0, "queue": 4.0, "decode": 3.0, "reply": 11.0}


@given(admit_ms=MS, worker=WORKER, rest_ms=MS)
def test_parts_that_fit_add_up_to_the_total(admit_ms, worker, rest_ms):
    total_ms = admit_ms + sum(worker_ms(worker).values()) + rest_ms
    stages = split_ms(total_ms, admit_ms, worker)
    assert min(stages.values()) >= 0
    assert sum(stages.values()) == pytest.approx(total_ms, abs=1e-6)
    assert stages["reply"] == pytest.approx(rest_ms, abs=1e-6)


@given(admit_ms=MS, worker=WORKER, share=st.floats(0, 1))
def test_a_worker_that_says_more_than_there_was_leaves_no_reply(admit_ms, worker, share):
    stages = split_ms(admit_ms + share * sum(worker_ms(worker).values()), admit_ms, worker)
    assert stages["reply"] == pytest.approx(0, abs=1e-6)
    assert min(stages.values()) >= 0


@given(admit_ms=MS, rest_ms=MS)
def test_of_what_no_worker_told_the_gateways_part_is_known(admit_ms, rest_ms):
    stages = split_ms(admit_ms + rest_ms, admit_ms, None)
    assert list(stages) == ["admit", "reply"]
    assert sum(stages.values()) == pytest.approx(admit_ms + rest_ms, abs=1e-6)
