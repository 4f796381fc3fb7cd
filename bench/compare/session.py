"""A session: start, check the answers, measure in turn, stop, round after round."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from bench.compare.ceiling import measure_ceiling
from bench.compare.load import AnswerCheck, LoadGenerator
from bench.compare.records import (
    FAULTS,
    THIS_SYSTEM,
    Ceiling,
    Cell,
    Key,
    LoadError,
    Logbook,
    Memory,
    Payload,
    reason_of,
)
from bench.compare.running import (
    Launch,
    Running,
    Usage,
    cpu_by_role,
    start_system,
    time_further_worker,
)
from bench.compare.systems import BenchPaths

_T = TypeVar("_T")

_START_S = 120.0
_START_POLL_S = 0.5
_WARM_UP_CLIENTS = 16
_SOAK_CLIENTS = 32


@dataclass(frozen=True, slots=True)
class BenchPlan:
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
    """Measures one session into a logbook."""

    def __init__(
        self,
        plan: BenchPlan,
        paths: BenchPaths,
        load: LoadGenerator,
        logbook: Logbook,
        *,
        ceiling: Callable[..., Mapping[str, float]] = measure_ceiling,
    ) -> None:
        self._plan, self._paths, self._load, self._logbook = plan, paths, load, logbook
        self._measure_ceiling = ceiling
        self._check = AnswerCheck(load, plan.payloads)
        self._given_up: set[str] = set()

    def run(self) -> None:
        """Measure everything. What was started is stopped in any case.

        What can be frozen is started once. A system with a broker cannot, and takes CPU even
        when idle: it runs only while it is measured. One that fails is given up, the reason
        kept, and the others are measured nevertheless.
        """
        alone = [[launch] for launch in self._plan.launches if not launch.freezes]
        with ExitStack() as stack:
            frozen: list[Running] | None = None
            parts = [*alone, [launch for launch in self._plan.launches if launch.freezes]]
            for number in range(1, self._plan.rounds + 1):
                # The order turns; this system is first in round one: the others must agree with it.
                for part in _turned(parts, number - 1):
                    if part and part[0].freezes:
                        frozen = self._all_started(stack, part) if frozen is None else frozen
                        self._measure(frozen, number)
                    elif part:
                        self._run_alone(part, number)
                self._ceiling(number)

    def _run_alone(self, part: Sequence[Launch], number: int) -> None:
        with ExitStack() as own:
            systems = self._all_started(own, part)
            self._measure(systems, number)
            for running in systems:
                self._look_last(running, number)

    def _all_started(self, stack: ExitStack, part: Sequence[Launch]) -> list[Running]:
        """Start what was not given up; what fails is stopped at once."""
        systems = []
        for launch in part:
            if launch.name in self._given_up:
                continue
            with self._giving_up(launch.name), ExitStack() as own:
                systems.append(self._started(own, launch))
                stack.push(own.pop_all())
        return systems

    @contextmanager
    def _giving_up(self, name: str) -> Iterator[None]:
        try:
            yield
        except FAULTS as error:
            self._given_up.add(name)
            self._logbook.add_failure(f"{name} was given up", error)

    def _started(self, stack: ExitStack, launch: Launch) -> Running:
        """Start a system, wait for its first answer, check its answers once, warm it up."""
        _say(f"starting {launch.name}")
        running = stack.enter_context(start_system(launch, self._paths.folder))
        self._await_answer(running)
        while not running.is_up:
            running.ensure_alive()
            time.sleep(_START_POLL_S)
        if launch.is_checked:
            self._check.ensure_agrees(launch.name, launch.target)
        for payload in self._plan.payloads:
            seconds = self._plan.warm_up_s
            self._load.measure_load(launch.target, payload.paths, _WARM_UP_CLIENTS, seconds)
        running.freeze()
        return running

    def _await_answer(self, running: Running) -> None:
        image = self._plan.payloads[0].paths[:1]
        give_up_s = time.monotonic() + _START_S
        while True:
            running.ensure_alive()
            try:
                self._load.ask_each(running.launch.target, image)
            except LoadError as error:
                if time.monotonic() > give_up_s:
                    raise TimeoutError(f"{running.launch.name} does not answer: {error}") from None
                time.sleep(_START_POLL_S)
            else:
                return

    def _measure(self, systems: Sequence[Running], number: int) -> None:
        kinds = product(self._plan.payloads, self._plan.concurrencies)
        for turn, (payload, clients) in enumerate(kinds):
            for running in _turned(systems, turn + number):
                name = running.launch.name
                if name in self._given_up or not running.launch.takes(payload.name, clients):
                    continue
                with self._giving_up(name), _thawed(running):
                    self._try_cell(running, payload, clients, number)

    def _try_cell(self, running: Running, payload: Payload, clients: int, number: int) -> None:
        """Keep one cell, or why it could not be measured. Raises ChildProcessError if it ended."""
        try:
            self._logbook.add_cell(self._cell(running, payload, clients, number))
        except LoadError as error:
            name = running.launch.name
            self._logbook.add_failure(f"{name}, {payload.name}, {clients} clients", error)
            running.ensure_alive()

    def _cell(self, running: Running, payload: Payload, clients: int, number: int) -> Cell:
        readings: list[tuple[Usage, float]] = []
        sample = self._load.measure_load(
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

    def _ceiling(self, number: int) -> None:
        plan, paths = self._plan, self._paths
        try:
            rates = self._measure_ceiling(paths.bundle, plan.payloads, paths.cores, plan.ceiling_s)
        except FAULTS as error:
            self._logbook.add_failure(f"decode and engine alone, round {number}", error)
            return
        _say("alone: " + ", ".join(f"{name} {value:.0f}/s" for name, value in rates.items()))
        self._logbook.add_ceiling(Ceiling(number, rates))

    def _look_last(self, running: Running, number: int) -> None:
        """Read of this system, at the end of the last round, what is read once."""
        name = running.launch.name
        if name != THIS_SYSTEM or number != self._plan.rounds or name in self._given_up:
            return
        with self._giving_up(name):
            if self._plan.soak:
                self._soak(running, number)
            if running.launch.scaling is not None:
                seconds = time_further_worker(
                    running.launch.scaling, lambda: running.begun_s("worker")
                )
                _say(f"a further worker of {name} is ready after {seconds} s")
                self._logbook.add_worker_ready(seconds)

    def _soak(self, running: Running, number: int) -> None:
        """Read this system's memory after so many requests."""
        name, plan = running.launch.name, self._plan
        cells = self._logbook.session.cells
        asked = sum(c.requests for c in cells if (c.key.system, c.round) == (name, number))
        payload, target = plan.payloads[0], running.launch.target
        while asked < plan.soak:
            sample = self._load.measure_load(target, payload.paths, _SOAK_CLIENTS, plan.seconds)
            asked += sample.requests
        _say(f"memory of {name} after {asked} requests")
        self._logbook.add_memory(Memory(asked, running.rss_mb()))


@contextmanager
def _thawed(running: Running) -> Iterator[None]:
    running.thaw()
    try:
        yield
    finally:
        running.freeze()


def _turned(ones: Sequence[_T], by: int) -> Iterator[_T]:
    for n in range(len(ones)):
        yield ones[(n + by) % len(ones)]


def _say(text: str) -> None:
    print(text, flush=True)


def prepare_launches(
    names: Iterable[str], ways: Mapping[str, Callable[[BenchPaths], Launch]], paths: BenchPaths
) -> tuple[list[Launch], list[str]]:
    """Return the launches, and a sentence for each system that cannot be set up."""
    launches, failures = [], []
    for name in names:
        try:
            launches.append(ways[name](paths))
        except FAULTS as error:
            failures.append(f"{name} was not measured: {reason_of(error)}")
            print(failures[-1], flush=True)
    return launches, failures
