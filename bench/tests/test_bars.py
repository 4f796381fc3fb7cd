"""The bars: which figures they look at, and what they say of them."""

import pytest

from bench.compare.bars import Bar, bars_of
from bench.compare.records import (
    LARGE,
    SMALL,
    SYSTEMS,
    Ceiling,
    Cell,
    Key,
    Machine,
    Memory,
    RoundSpread,
    Session,
    both_of,
)

MACHINE = Machine("today", "a CPU", 2, 8.0, "Linux", "3.11", {})
RATES = {
    "pneumostream": 400,
    "seed-predict": 10,
    "seed-function": 40,
    "fastapi-openvino": 450,
    "mlserver-rest": 420,
    "mlserver-kafka": 300,
    "litserve": 410,
    "pneumostream-no-op": 2000,
}


def cell(system, payload, clients):
    rate = RATES[system]
    return Cell(1, Key(system, payload, clients), rate, 1.0, 1e3 / rate, 9.0, 9.0, {}, {})


def session(systems=SYSTEMS, **changes):
    kinds = [(s, p, c) for s in systems for p in (SMALL, LARGE) for c in (1, 32, 64)]
    cells = tuple(cell(*kind) for kind in kinds)
    return Session(MACHINE, 1.0, 1, cells, **changes)


def seen(of_session):
    return {bar.text: bar.seen.median for bar in bars_of(of_session) if bar.seen is not None}


def test_the_seed_is_judged_by_its_faster_way():
    figures = seen(session())
    assert figures["req/s ÷ the seed's faster way, 224px, 32 clients"] == 10
    assert figures["p50 ÷ the seed's faster way, 224px, 1 client"] == pytest.approx(0.1)


def test_the_best_peer_is_one_without_a_broker_and_not_this_system():
    figures = seen(session())
    what = "req/s ÷ best peer without a broker, full-size, 64 clients"
    assert figures[what] == pytest.approx(400 / 450)
    assert figures["req/s ÷ MLServer over Kafka, 224px, 32 clients"] == pytest.approx(4 / 3)


def test_the_no_op_is_judged_by_itself():
    figures = seen(session())
    assert figures["no-op p50, 224px, 1 client"] == 0.5
    assert figures["no-op req/s, 224px, 64 clients"] == 2000


def test_latency_in_process_is_a_difference():
    what = "p50 − FastAPI + OpenVINO in process, 224px, 1 client"
    assert seen(session())[what] == pytest.approx(1e3 / 400 - 1e3 / 450)


def test_the_share_of_the_ceiling_is_taken_within_the_round():
    ceilings = (Ceiling(1, {both_of(SMALL): 800.0, both_of(LARGE): 500.0}),)
    figures = seen(session(ceilings=ceilings))
    assert figures["req/s ÷ decode and engine alone, 224px, 32 clients"] == 0.5
    assert figures["req/s ÷ decode and engine alone, full-size, 32 clients"] == 0.8


def test_memory_is_the_largest_process_of_a_role():
    figures = seen(session(memory=Memory(20_005, {"worker": (360.0, 340.0), "gateway": (90.0,)})))
    assert figures["RSS of the worker after 20,005 requests"] == 360
    assert figures["RSS of the gateway after 20,005 requests"] == 90


def test_what_was_not_measured_is_said_to_be_so():
    verdicts = {bar.verdict for bar in bars_of(session(systems=("pneumostream",)))}
    assert verdicts == {"not measured"}


@pytest.mark.parametrize(
    ("at_least", "median", "verdict"),
    [
        (True, 12.0, "met, and the aim"),
        (True, 10.0, "met, and the aim"),
        (True, 9.0, "met"),
        (True, 8.0, "met"),
        (True, 6.0, "**missed** by 25%"),
        (False, 8.0, "met"),
        (False, 12.0, "**missed** by 50%"),
    ],
)
def test_verdicts(at_least, median, verdict):
    aim = 10.0 if at_least else None
    bar = Bar("x", 8.0, aim, at_least=at_least, unit=" ×", seen=RoundSpread(median, median, median))
    assert bar.verdict == verdict
