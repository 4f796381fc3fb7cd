"""A session's figures, stored as JSON, and their medians, spread and ratios."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from aiokafka.errors import KafkaError
from pydantic import TypeAdapter

from embedded.errors import EmbeddedError

THIS_SYSTEM = "pneumostream"
NO_OP = "pneumostream-no-op"
SEED_PREDICT, SEED_FUNCTION = "seed-predict", "seed-function"
IN_PROCESS = "fastapi-openvino"
MLSERVER_REST, MLSERVER_KAFKA = "mlserver-rest", "mlserver-kafka"
LITSERVE = "litserve"

SYSTEMS = (
    THIS_SYSTEM,
    SEED_PREDICT,
    SEED_FUNCTION,
    IN_PROCESS,
    MLSERVER_REST,
    MLSERVER_KAFKA,
    LITSERVE,
    NO_OP,
)
SMALL, LARGE = "224px", "full-size"
NO_OP_CELLS = ((SMALL, 1), (SMALL, 64))
"""Payload and clients that the no-op bars are set for."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which cell of the table: a system, a kind of payload, how many clients at once."""

    system: str
    payload: str
    concurrency: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement: closed loop, `seconds` long, after every client had its first answer.

    cpu_ms: CPU milliseconds a request by role, summed over that role's processes.
    rss_mb: resident megabytes of each process of a role, at the end.
    """

    round: int
    key: Key
    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: Mapping[str, float]
    rss_mb: Mapping[str, tuple[float, ...]]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What decoding and the engine alone reach on the same cores: images per second by name."""

    round: int
    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident megabytes of this system's processes by role, after so many requests."""

    requests: int
    rss_mb: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures belong to."""

    date: str
    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Session:
    """Everything of one run. failures: what could not be measured, and why."""

    machine: Machine
    seconds: float
    rounds: int
    cells: tuple[Cell, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    memory: Memory | None = None
    worker_ready_s: float | None = None
    failures: tuple[str, ...] = ()


_SESSION = TypeAdapter(Session)


def both_of(payload: str) -> str:
    """Name the rate of decoding and inferring a payload: the ceiling of every server."""
    return f"decode and engine, {payload}"


def store_session(session: Session, path: Path) -> None:
    """Write a session, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(_SESSION.dump_json(session, indent=1) + b"\n")
    part.replace(path)


def load_session(path: Path) -> Session:
    """Read what `store_session` wrote. Raises OSError or ValueError."""
    return _SESSION.validate_json(path.read_bytes())


Measure: TypeAlias = Callable[[Cell], float]


@dataclass(frozen=True, slots=True)
class RoundSpread:
    """The median, minimum and maximum of the rounds."""

    median: float
    low: float
    high: float


def spread_of(values: Iterable[float]) -> RoundSpread | None:
    """Summarise the values of the rounds; None without any."""
    seen = list(values)
    return RoundSpread(statistics.median(seen), min(seen), max(seen)) if seen else None


def rate(cell: Cell) -> float:
    """Answers per second."""
    return cell.rate


def p50(cell: Cell) -> float:
    """Median latency, ms."""
    return cell.p50_ms


def spread_over_rounds(session: Session, key: Key, measure: Measure) -> RoundSpread | None:
    """Return one figure of one cell of the table over the rounds."""
    return spread_of(measure(cell) for cell in session.cells if cell.key == key)


def compare_cells(
    session: Session,
    ours: Key,
    theirs: Key,
    measure: Measure,
    how: Callable[[float, float], float] = lambda a, b: a / b,
) -> RoundSpread | None:
    """Compare two cells within each round (the minutes differ more than the systems do)."""
    of_ours = {cell.round: measure(cell) for cell in session.cells if cell.key == ours}
    of_theirs = {cell.round: measure(cell) for cell in session.cells if cell.key == theirs}
    both = sorted(of_ours.keys() & of_theirs.keys())
    return spread_of(how(of_ours[n], of_theirs[n]) for n in both)


def best_key(session: Session, keys: Iterable[Key], measure: Measure, *, least: bool) -> Key | None:
    """Return the cell with the best median, minimum or maximum; None without a measurement."""
    seen = [
        (found.median, key) for key in keys if (found := spread_over_rounds(session, key, measure))
    ]
    if not seen:
        return None
    return (min if least else max)(seen, key=lambda one: one[0])[1]


class LoadError(Exception):
    """A system did not answer as it must."""


FAULTS = (OSError, ValueError, KeyError, LoadError, KafkaError, EmbeddedError, SystemExit)
"""How a system fails; others are measured nevertheless. SystemExit: it could not be installed."""


class Logbook:
    """Adds to a session; calls `store` with the whole session after each entry."""

    def __init__(self, session: Session, store: Callable[[Session], None]) -> None:
        self.session, self._store = session, store

    def add_cell(self, cell: Cell) -> None:
        """Keep one measurement."""
        self._keep(replace(self.session, cells=(*self.session.cells, cell)))

    def add_ceiling(self, ceiling: Ceiling) -> None:
        """Keep what a round's cores gave without any serving."""
        self._keep(replace(self.session, ceilings=(*self.session.ceilings, ceiling)))

    def add_memory(self, memory: Memory) -> None:
        """Keep this system's memory."""
        self._keep(replace(self.session, memory=memory))

    def add_worker_ready(self, seconds: float) -> None:
        """Keep how long a further worker took."""
        self._keep(replace(self.session, worker_ready_s=seconds))

    def add_failure(self, what: str, error: BaseException) -> None:
        """Keep what was not measured, and why."""
        failure = f"{what}: {reason_of(error)}"
        print(failure, flush=True)
        self._keep(replace(self.session, failures=(*self.session.failures, failure)))

    def _keep(self, session: Session) -> None:
        self.session = session
        self._store(session)


def reason_of(error: BaseException) -> str:
    """Return an error in one line: its text, or its name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Payload:
    """A kind of image."""

    name: str
    paths: tuple[Path, ...]
