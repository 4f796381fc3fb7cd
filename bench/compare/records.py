"""What a session leaves behind: plain figures, stored as JSON, from which the report is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

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
        """Answers a second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What decoding and the engine alone reach on the same cores: images a second by name."""

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


def store(session: Session, path: Path) -> None:
    """Write a session, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(_SESSION.dump_json(session, indent=1) + b"\n")
    part.replace(path)


def load(path: Path) -> Session:
    """Read what `store` wrote. Raises OSError or ValueError."""
    return _SESSION.validate_json(path.read_bytes())
