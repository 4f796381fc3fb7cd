"""A stuck step is told from one that is slow because the machine is."""

import pytest

from inference_worker.core.attempts import is_overdue, split_overdue
from inference_worker.core.requests import PredictRequest
from shared.contracts.dead_letters import Cause
from shared.contracts.headers import RequestHeaders


@pytest.mark.parametrize(
    ("wall_s", "cpu_s", "overdue"),
    [
        (9.9, 9.9, False),
        (10, 9, True),
        (10, 5, True),
        (10, 1.2, False),  # eight others want the CPU
        (39, 4, False),
        (40, 0, True),  # it waits for something that does not come
    ],
)
def test_a_step_is_overdue_by_the_time_it_had(wall_s, cpu_s, overdue):
    assert is_overdue(wall_s, cpu_s, 10) is overdue


def batch(*ids):
    return [PredictRequest(RequestHeaders(id_, 1), b"", 0) for id_ in ids]


def test_the_one_image_is_parted_from_its_neighbours():
    requests = batch("a", "b", "c")
    failed, others = split_overdue(requests, [requests[1]], "slow", in_engine=False)
    assert (failed.request.headers.id, failed.cause) == ("b", Cause.WORKER_CRASHED)
    assert [request.headers.id for request in others] == ["a", "c"]


@pytest.mark.parametrize(("culprits", "in_engine"), [(2, True), (1, True)])
def test_nothing_is_parted_where_others_need_the_engine_or_nobody_knows_which_it_is(
    culprits, in_engine
):
    requests = batch("a", "b", "c")
    assert split_overdue(requests, requests[:culprits], "slow", in_engine=in_engine) is None


def test_an_image_alone_in_the_engine_is_the_one():
    requests = batch("a")
    failed, others = split_overdue(requests, requests, "slow", in_engine=True)
    assert (failed.request, others) == (requests[0], [])
