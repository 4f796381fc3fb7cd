"""The bars of this system's speed: what must be reached, what is aimed at, what was seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.compare.records import (
    IN_PROCESS,
    LARGE,
    LITSERVE,
    MLSERVER_KAFKA,
    MLSERVER_REST,
    NO_OP,
    SEED_FUNCTION,
    SEED_PREDICT,
    SMALL,
    THIS_SYSTEM,
    Key,
    Measure,
    RoundSpread,
    Session,
    best_key,
    both_of,
    compare_cells,
    p50,
    rate,
    spread_of,
    spread_over_rounds,
)

_SEEDS = (SEED_FUNCTION, SEED_PREDICT)
_WITHOUT_BROKER = (IN_PROCESS, MLSERVER_REST, LITSERVE)
_MEMORY_MB = {"worker": 350.0, "gateway": 150.0, "registry": 120.0, "broker": 450.0}
_READY_S = 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One line. at_least: more is better. seen: None where the session did not measure it."""

    text: str
    must: float
    aim: float | None
    at_least: bool
    unit: str
    seen: RoundSpread | None

    @property
    def verdict(self) -> str:
        """Whether the bar is met, or by how much it is missed."""
        if self.seen is None:
            return "not measured"
        if self.aim is not None and self._holds(self.aim):
            return "met, and the aim"
        if self._holds(self.must):
            return "met"
        return f"**missed** by {abs(self.seen.median / self.must - 1):.0%}"

    def _holds(self, bound: float) -> bool:
        assert self.seen is not None
        return self.seen.median >= bound if self.at_least else self.seen.median <= bound


def bars_of(session: Session) -> list[Bar]:
    """Judge a session by every bar, in the order in which they were set."""
    return [
        *_against_seed(session),
        *_against_kafka(session),
        *_against_best(session),
        *_against_engine(session),
        *_no_op(session),
        *_memory(session),
    ]


def _against_seed(session: Session) -> Iterator[Bar]:
    for payload in (SMALL, LARGE):
        seen = _ratio(session, _SEEDS, payload, 32, rate)
        yield _more(f"req/s ÷ the seed's faster way, {payload}, 32 clients", 8, 10, seen)
    seen = _ratio(session, _SEEDS, SMALL, 1, p50)
    yield _less("p50 ÷ the seed's faster way, 224px, 1 client", 0.4, 0.25, seen)


def _against_kafka(session: Session) -> Iterator[Bar]:
    for payload, must in ((SMALL, 1.25), (LARGE, 1.2)):
        seen = _ratio(session, (MLSERVER_KAFKA,), payload, 32, rate)
        yield _more(f"req/s ÷ MLServer over Kafka, {payload}, 32 clients", must, 1.5, seen)
    seen = _ratio(session, (MLSERVER_KAFKA,), SMALL, 1, p50)
    yield _less("p50 ÷ MLServer over Kafka, 224px, 1 client", 0.65, 0.5, seen)


def _against_best(session: Session) -> Iterator[Bar]:
    for payload in (SMALL, LARGE):
        for clients in (32, 64):
            seen = _ratio(session, _WITHOUT_BROKER, payload, clients, rate)
            what = f"req/s ÷ best peer without a broker, {payload}, {clients} clients"
            yield _more(what, 0.8, 1.0, seen)
    ours, theirs = Key(THIS_SYSTEM, SMALL, 1), Key(IN_PROCESS, SMALL, 1)
    difference = compare_cells(session, ours, theirs, p50, lambda a, b: a - b)
    what = "p50 − FastAPI + OpenVINO in process, 224px, 1 client"
    yield Bar(what, 4.0, 2.0, at_least=False, unit=" ms", seen=difference)


def _against_engine(session: Session) -> Iterator[Bar]:
    ceilings = {one.round: one.rates for one in session.ceilings}
    for payload in (SMALL, LARGE):
        shares = [
            cell.rate / ceilings[cell.round][both_of(payload)]
            for cell in session.cells
            if cell.key == Key(THIS_SYSTEM, payload, 32) and cell.round in ceilings
        ]
        what = f"req/s ÷ decode and engine alone, {payload}, 32 clients"
        yield _more(what, 0.6, 0.7, spread_of(shares))


def _no_op(session: Session) -> Iterator[Bar]:
    one, many = (
        spread_over_rounds(session, Key(NO_OP, SMALL, 1), p50),
        spread_over_rounds(session, Key(NO_OP, SMALL, 64), rate),
    )
    yield Bar("no-op p50, 224px, 1 client", 3, 2, at_least=False, unit=" ms", seen=one)
    what = "no-op req/s, 224px, 64 clients"
    yield Bar(what, 1_500, 2_500, at_least=True, unit="/s", seen=many)


def _memory(session: Session) -> Iterator[Bar]:
    memory = session.memory
    after = f"after {memory.requests:,} requests" if memory else "after 20,000 requests"
    for role, must in _MEMORY_MB.items():
        sizes = memory.rss_mb.get(role, ()) if memory else ()
        seen = spread_of(sizes[:1])  # the largest process of the role
        yield Bar(f"RSS of the {role} {after}", must, None, at_least=False, unit=" MB", seen=seen)
    ready = spread_of([] if session.worker_ready_s is None else [session.worker_ready_s])
    yield Bar("a further worker is ready", _READY_S, None, at_least=False, unit=" s", seen=ready)


def _ratio(
    session: Session, peers: Iterable[str], payload: str, clients: int, measure: Measure
) -> RoundSpread | None:
    keys = (Key(peer, payload, clients) for peer in peers)
    strongest = best_key(session, keys, measure, least=measure is p50)
    if strongest is None:
        return None
    return compare_cells(session, Key(THIS_SYSTEM, payload, clients), strongest, measure)


def _more(text: str, must: float, aim: float, seen: RoundSpread | None) -> Bar:
    return Bar(text, must, aim, at_least=True, unit=" ×", seen=seen)


def _less(text: str, must: float, aim: float, seen: RoundSpread | None) -> Bar:
    return Bar(text, must, aim, at_least=False, unit=" ×", seen=seen)
