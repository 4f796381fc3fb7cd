"""The story of a session: start, check the answers, measure in turn, stop, round after round."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from bench.compare.ceiling import measure_ceiling
from bench.compare.checking import AnswerCheck
from bench.compare.load_client import LoadError, LoadGenerator
from bench.compare.payloads import Payload
from bench.compare.records import THIS_SYSTEM, Ceiling, Cell, Key, Memory, Session
from bench.compare.running import Launch, Running, Usage, cpu_by_role, started
from bench.compare.systems import Places

_T = TypeVar("_T")

_START_S = 120.0
_START_POLL_S = 0.5
_WARM_UP_CLIENTS = 16
_SOAK_CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. soak: requests after which this system's memory is read; 0: it is not."""

    launches: Sequence[Launch]
    payloads: Sequence[Payload]
    concurrencies: Sequence[int]
    rounds: int
    seconds: float
    warm_up_s: float
    ceiling_s: float
    soak: int


class Bench:
    """Measures one session; `store` is given what there is after every round."""

    def __init__(
        self, plan: Plan, places: Places, load: LoadGenerator, store: Callable[[Session], None]
    ) -> None:
        self._plan, self._places, self._load, self._store = plan, places, load, store
        self._check = AnswerCheck(load, plan.payloads)

    def run(self, session: Session) -> Session:
        """Give the session with everything measured. What was started is stopped in any case.

        What can be frozen is started once. A system with a broker cannot, and takes CPU even while
        nobody asks it: it runs only while it is measured.
        """
        alone = [[launch] for launch in self._plan.launches if not launch.freezes]
        with ExitStack() as stack:
            frozen: list[Running] = []
            parts = [*alone, [launch for launch in self._plan.launches if launch.freezes]]
            for number in range(1, self._plan.rounds + 1):
                # Nobody is always first; but this system is in the first round: others must agree.
                for part in _turned(parts, number - 1):
                    if part and part[0].freezes:
                        if not frozen:
                            frozen += [self._started(stack, launch) for launch in part]
                        session = self._measure(session, frozen, number)
                    elif part:
                        with ExitStack() as own:
                            systems = [self._started(own, part[0])]
                            session = self._measure(session, systems, number)
                            session = self._soak(session, systems[0], number)
                session = self._ceiling(session, number)
                self._store(session)
        return session

    def _started(self, stack: ExitStack, launch: Launch) -> Running:
        """Start a system, wait for its first answer, check its answers once, warm it up."""
        _say(f"starting {launch.name}")
        running = stack.enter_context(started(launch, self._places.folder))
        self._await_answer(running)
        while not running.is_up:
            running.ensure_alive()
            time.sleep(_START_POLL_S)
        if launch.is_checked:
            self._check.ensure_agrees(launch.name, launch.target)
        for payload in self._plan.payloads:
            seconds = self._plan.warm_up_s
            self._load.measure(launch.target, payload.paths, _WARM_UP_CLIENTS, seconds)
        running.freeze()
        return running

    def _await_answer(self, running: Running) -> None:
        image = self._plan.payloads[0].paths[:1]
        give_up_s = time.monotonic() + _START_S
        while True:
            running.ensure_alive()
            try:
                self._load.ask(running.launch.target, image)
            except LoadError as error:
                if time.monotonic() > give_up_s:
                    raise TimeoutError(f"{running.launch.name} does not answer: {error}") from None
                time.sleep(_START_POLL_S)
            else:
                return

    def _measure(self, session: Session, systems: Sequence[Running], number: int) -> Session:
        cells, failures = list(session.cells), list(session.failures)
        kinds = product(self._plan.payloads, self._plan.concurrencies)
        for turn, (payload, clients) in enumerate(kinds):
            for running in _turned(systems, turn + number):
                if not running.launch.takes(payload.name, clients):
                    continue
                with _thawed(running):
                    try:
                        cells.append(self._cell(running, payload, clients, number))
                    except LoadError as error:
                        name = running.launch.name
                        failures.append(f"{name}, {payload.name}, {clients} clients: {error}")
                        _say(failures[-1])
                        running.ensure_alive()
        return replace(session, cells=tuple(cells), failures=tuple(failures))

    def _cell(self, running: Running, payload: Payload, clients: int, number: int) -> Cell:
        readings: list[tuple[Usage, float]] = []
        sample = self._load.measure(
            running.launch.target,
            payload.paths,
            clients,
            self._plan.seconds,
            lambda _: readings.append((running.usage(), self._load.cpu_s())),
        )
        (before, load_before), (after, load_after) = readings
        cpu_s = cpu_by_role(before, after) | {"load": load_after - load_before}
        cell = Cell(
            round=number,
            key=Key(running.launch.name, payload.name, clients),
            requests=sample.requests,
            seconds=sample.seconds,
            p50_ms=sample.p50_ms,
            p95_ms=sample.p95_ms,
            p99_ms=sample.p99_ms,
            cpu_ms={role: round(s * 1e3 / sample.requests, 4) for role, s in cpu_s.items()},
            rss_mb=running.rss_mb(),
        )
        _say(
            f"round {number}  {payload.name:10}{clients:3}  {running.launch.name:17}"
            f"{cell.rate:8.1f}/s  p50 {cell.p50_ms:7.1f}  p99 {cell.p99_ms:7.1f} ms"
        )
        return cell

    def _ceiling(self, session: Session, number: int) -> Session:
        plan, places = self._plan, self._places
        rates = measure_ceiling(places.bundle, plan.payloads, places.cores, plan.ceiling_s)
        _say("alone: " + ", ".join(f"{name} {value:.0f}/s" for name, value in rates.items()))
        return replace(session, ceilings=(*session.ceilings, Ceiling(number, rates)))

    def _soak(self, session: Session, running: Running, number: int) -> Session:
        """Read this system's memory at the end of the last round, after so many requests."""
        name, plan = running.launch.name, self._plan
        if name != THIS_SYSTEM or number != plan.rounds or not plan.soak:
            return session
        asked = sum(c.requests for c in session.cells if (c.key.system, c.round) == (name, number))
        payload, target = plan.payloads[0], running.launch.target
        while asked < plan.soak:
            sample = self._load.measure(target, payload.paths, _SOAK_CLIENTS, plan.seconds)
            asked += sample.requests
        _say(f"memory of {name} after {asked} requests")
        return replace(session, memory=Memory(asked, running.rss_mb()))


@contextmanager
def _thawed(running: Running) -> Iterator[None]:
    running.thaw()
    yield
    running.freeze()


def _turned(ones: Sequence[_T], by: int) -> Iterator[_T]:
    for n in range(len(ones)):
        yield ones[(n + by) % len(ones)]


def _say(text: str) -> None:
    print(text, flush=True)
