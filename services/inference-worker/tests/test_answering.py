"""What is confirmed about requests, where the broker refuses or the group has gone on."""

from contextlib import closing

import pytest

from inference_worker.adapters.compute import ComputeThread
from inference_worker.core.dead_letter_budget import BudgetLimits, DeadLetterBudget
from inference_worker.core.requests import PredictRequest
from inference_worker.service import InferenceService
from inference_worker.subscribers.answering import Answering, ExpelledError, UnconfirmedError
from inference_worker.subscribers.budget import BudgetWatch
from shared.clock import SystemClock
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError
from shared.testing.bundles import new_manifest

DENIED = RecordRefusedError("not authorised", too_large=False)
AWAY = BrokerUnavailableError("away")
LIMITS = BudgetLimits(32, 0.5, 60, 64, 5, 60)


class Clock(SystemClock):
    def __init__(self):
        self.ahead_s = 0.0

    def monotonic_s(self):
        return super().monotonic_s() + self.ahead_s


class Engine:
    manifest = new_manifest()

    def predict(self, pixels, *, alone=False, explained=False):
        raise RuntimeError("broken")


class Broker:
    """Notes what is published; `faults` are raised first, by kind of record."""

    def __init__(self, **faults):
        self.noted = []
        self.faults = {kind: list(errors) for kind, errors in faults.items()}
        self.before = lambda: None

    def _put(self, kind, what):
        self.before()
        if self.faults.get(kind):
            raise self.faults[kind].pop(0)
        self.noted.append((kind, what))

    async def publish(self, outcomes):
        self._put("outcome", [(o.id, getattr(o, "code", None)) for o in outcomes])

    async def try_again(self, request, fate, attempts):
        self._put("retry", fate.attempt)

    async def give_up(self, letter, image):
        self._put("dead_letter", len(letter.attempts))


class Counts:
    def __init__(self):
        self.seen = []

    def __getattr__(self, name):
        return lambda *labels: self.seen.append((name, *map(str, labels)))


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def new_answering(counts, clock):
    with closing(ComputeThread(0)) as compute:
        service = InferenceService(compute, compute, clock)
        service.swap(Engine())

        def new(broker, max_attempts=3):
            return Answering(
                service,
                broker,
                broker,
                clock,
                counts,
                BudgetWatch(DeadLetterBudget(LIMITS), clock),
                worker_id="worker-0",
                max_attempts=max_attempts,
                on_answered=lambda outcomes, traces: None,
            )

        yield new


def request(image=b"no image", **changes):
    fields = {"id": "a", "deadline_ms": SystemClock().now_ms() + 60_000} | changes
    return PredictRequest(RequestHeaders(**fields), image, 0)


async def ours():
    return True


async def test_a_retry_that_is_refused_is_a_dead_letter_at_once(new_answering, counts):
    broker = Broker(retry=[DENIED])
    await new_answering(broker).condemn([], "x", ours)
    failing = new_answering(broker)
    failing._service._decode = _raise
    await failing.answer([request()], ours)
    assert broker.noted == [("dead_letter", 1), ("outcome", [("a", ErrorCode.INTERNAL)])]
    assert ("record_refused", "retry") in counts.seen


async def test_a_dead_letter_that_is_refused_costs_the_client_no_outcome(new_answering, counts):
    broker = Broker(dead_letter=[DENIED])
    await new_answering(broker).condemn([request()], "worker-9", ours)
    assert broker.noted == [("outcome", [("a", ErrorCode.WORKER_CRASHED)])]
    assert ("record_refused", "dead_letter") in counts.seen
    assert ("dead_lettered", "worker_crashed") in counts.seen


async def test_an_attempt_drawn_out_while_it_publishes_asks_whether_it_is_still_its_own(
    new_answering, clock
):
    broker, asked = Broker(outcome=[AWAY, AWAY]), []

    def stand_still():  # the loop, or the broker, for longer than the group waits
        clock.ahead_s += 10

    async def still_own():
        asked.append(len(broker.noted))
        return False

    broker.before = stand_still
    with pytest.raises(ExpelledError):
        await new_answering(broker).answer([request()], still_own)
    assert asked == [0]
    assert broker.noted == []


async def test_a_dead_letter_drawn_out_is_not_told_by_one_that_was_expelled(new_answering, clock):
    broker = Broker()

    def stand_still():
        clock.ahead_s += 10

    async def still_own():
        return False

    broker.before = stand_still
    with pytest.raises(ExpelledError):
        await new_answering(broker).condemn([request()], "worker-9", still_own)
    assert [kind for kind, _ in broker.noted] == ["dead_letter"]


async def test_what_is_not_confirmed_within_the_patience_is_put_off(new_answering):
    broker = Broker(outcome=[AWAY] * 1000)
    with pytest.raises(UnconfirmedError):
        await new_answering(broker).answer([request()], ours, patience_s=0.05)


def _raise(image, spec):
    raise KeyError("a bug")
