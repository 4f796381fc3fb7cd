"""What a session has found so far, kept with every entry: the end may come at any time."""

from collections.abc import Callable
from dataclasses import replace

from aiokafka.errors import KafkaError

from bench.compare.load_client import LoadError
from bench.compare.records import Ceiling, Cell, Memory, Session
from embedded.errors import EmbeddedError

FAULTS = (OSError, ValueError, KeyError, LoadError, KafkaError, EmbeddedError, SystemExit)
"""How a system fails; others are measured nevertheless. SystemExit: it could not be installed."""


class Logbook:
    """Adds to a session; `store` is given the whole of it after each entry."""

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
    """Tell an error in one line: its text, or its name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
