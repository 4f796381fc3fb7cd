"""The estimate of the wait, over a simulated group of two workers of which one is killed."""

import random
from dataclasses import dataclass, field

import pytest

from gateway.core.admission import WAIT_SHARE
from gateway.core.lag_by_owner import OUTAGE_S, SILENT_S, LagByOwner, PartitionLag
from gateway.core.load_estimator import LoadEstimator
from shared.kafka.clients import SESSION_TIMEOUT_MS

PARTITIONS = 24
STEP_S = 0.02
LOOK_S = 0.5
CLIENT_S = 10.0
KILLED_S = 5.0
TAKEN_OVER_S = KILLED_S + SESSION_TIMEOUT_MS / 1000 + 1


@dataclass
class Worker:
    """Answers up to 16 of its partitions' records at a time, the oldest first."""

    mark: str
    each_s: float
    batch: list[tuple[int, str]] = field(default_factory=list)
    done_s: float = 0.0


@dataclass
class Group:
    """Requests at `rate` a second over the partitions, and the estimate that watches them."""

    rate: float
    workers: list[Worker]
    load: LoadEstimator = field(default_factory=lambda: LoadEstimator(0.0))
    now_s: float = 0.0
    asked: int = 0
    answered: list[str] = field(default_factory=list)
    waits_s: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self):
        self.places = random.Random(1)
        self.waiting = {n: [] for n in range(PARTITIONS)}
        self.committed = dict.fromkeys(range(PARTITIONS), 0)
        self.owners = {n: self.workers[n % len(self.workers)] for n in range(PARTITIONS)}
        self.marks = {n: owner.mark for n, owner in self.owners.items()}

    def run(self, until_s, *, working):
        while self.now_s < until_s:
            self.now_s += STEP_S
            while self.asked < self.now_s * self.rate:
                self.ask()
            for worker in working:
                self.work(worker)
            if self.now_s % LOOK_S < STEP_S:
                self.look()

    def ask(self):
        self.waits_s.append((self.now_s, self.load.estimate_wait(self.now_s).seconds))
        id_ = str(self.asked)
        self.load.record_accepted(id_, 10**9)
        self.waiting[self.places.randrange(PARTITIONS)].append((self.asked, id_))
        self.asked += 1

    def work(self, worker):
        if worker.batch and self.now_s >= worker.done_s:
            for number, id_ in worker.batch:
                self.waiting[number] = [r for r in self.waiting[number] if r[1] != id_]
                self.committed[number] += 1
                self.load.record_outcome(id_, self.now_s, inferred=True)
                self.answered.append(id_)
            worker.batch = []
        if not worker.batch:
            mine = [n for n, owner in self.owners.items() if owner is worker]
            oldest = sorted((asked, n, id_) for n in mine for asked, id_ in self.waiting[n])
            worker.batch = [(n, id_) for _, n, id_ in oldest[:16]]
            worker.done_s = self.now_s + len(worker.batch) * worker.each_s

    def look(self):
        found = [
            PartitionLag(n, self.marks[n], self.committed[n], len(self.waiting[n]))
            for n in range(PARTITIONS)
        ]
        self.load.update_lag(found, self.load.snapshot(), self.now_s)

    def give_all_to(self, worker):
        self.owners = dict.fromkeys(self.owners, worker)
        self.marks = dict.fromkeys(self.marks, worker.mark)

    def refused(self, *, from_s=0.0):
        asked = [wait_s for at_s, wait_s in self.waits_s if at_s >= from_s]
        return sum(wait_s > WAIT_SHARE * CLIENT_S for wait_s in asked) / len(asked)


def new_group(rate, each_s):
    return Group(rate, [Worker("worker-0@a", each_s), Worker("worker-1@b", each_s)])


# load: of both workers. At 0.3 something is nearly always under way, as on a busy machine.
@pytest.mark.parametrize("rate", [1, 5, 10, 20])
@pytest.mark.parametrize("load", [0.05, 0.3])
def test_a_killed_worker_has_nobody_refused(rate, load):
    group = new_group(rate, each_s=load / rate * 2)
    _, survivor = group.workers
    group.run(KILLED_S, working=group.workers)
    group.run(TAKEN_OVER_S, working=[survivor])
    group.give_all_to(survivor)
    group.run(TAKEN_OVER_S + 10, working=[survivor])
    assert group.refused() == 0
    assert len(group.answered) > group.asked - 2 * rate


@pytest.mark.parametrize("rate", [5, 20])
def test_a_worker_that_comes_back_at_once_and_stops_the_group_has_nobody_refused(rate):
    """It joins while its own dead session lasts: nobody works until that ends."""
    group = new_group(rate, each_s=0.01)
    _, survivor = group.workers
    group.run(KILLED_S, working=group.workers)
    group.run(KILLED_S + 2, working=[survivor])
    group.run(TAKEN_OVER_S, working=[])
    group.give_all_to(survivor)
    group.run(TAKEN_OVER_S + 10, working=[survivor])
    assert group.refused() == 0


@pytest.mark.parametrize("each_s", [0.01, 0.05])
def test_three_times_too_much_is_refused_with_or_without_a_death(each_s):
    group = new_group(rate=3 * 2 / each_s, each_s=each_s)
    group.run(8, working=group.workers)
    assert group.refused(from_s=7) == 1
    true_s = (group.asked - len(group.answered)) * each_s / 2
    assert group.load.estimate_wait(group.now_s).seconds == pytest.approx(true_s, rel=0.3)
    group.run(12, working=group.workers[1:])
    assert group.refused(from_s=7) == 1


def test_too_much_for_the_worker_that_is_left_is_refused():
    group = new_group(rate=40, each_s=0.04)  # 80 % of what two can do
    _, survivor = group.workers
    group.run(KILLED_S, working=group.workers)
    assert group.refused() == 0
    group.run(TAKEN_OVER_S, working=[survivor])
    group.give_all_to(survivor)
    group.run(TAKEN_OVER_S + 10, working=[survivor])
    assert group.refused(from_s=TAKEN_OVER_S + 8) > 0.5


def lag(owner, committed, behind, number=0):
    return PartitionLag(number=number, owner=owner, committed=committed, behind=behind)


def test_the_lag_of_a_silent_owner_is_no_load_until_it_has_lasted_too_long():
    owners = LagByOwner()
    unserved = {}
    for tick in range(40):
        now_s = tick * LOOK_S
        found = [lag("dead", 5, 7), lag("alive", 5 + tick, 3, number=1)]
        unserved[now_s] = owners.split_lag(found, now_s).unserved
    assert {s for s, records in unserved.items() if records} == {
        s for s in unserved if SILENT_S < s <= OUTAGE_S
    }
    assert set(unserved.values()) == {0, 7}


def test_where_nobody_makes_progress_all_lag_counts():
    owners = LagByOwner()
    for tick in range(10):
        found = owners.split_lag([lag("a", 5, 7), lag("b", 5, 3, number=1)], tick * LOOK_S)
    assert (found.total, found.working, found.unserved) == (10, 10, 0)


def test_a_new_owner_is_believed_from_its_first_look():
    owners = LagByOwner()
    for tick in range(8):
        owners.split_lag([lag("dead", 5, 7), lag("alive", tick, 0, number=1)], tick * LOOK_S)
    found = owners.split_lag([lag("alive", 5, 7), lag("alive", 7, 0, number=1)], 8 * LOOK_S)
    assert (found.total, found.working, found.unserved) == (7, 7, 0)


def test_an_outage_is_longer_than_the_session_of_a_dead_worker():
    assert OUTAGE_S * 1000 > SESSION_TIMEOUT_MS + 1000 * SILENT_S
