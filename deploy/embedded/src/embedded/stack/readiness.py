"""Wait until programs are ready; notice early when one never will be."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from embedded.errors import NotReadyError
from embedded.log_tail import last_lines
from embedded.stack.programs import Program
from embedded.stack.supervisord import ProcessState, Supervisord

_POLL_S = 0.1
_ASK_TIMEOUT_S = 2.0
_CRASHES_TOLERATED = 2


@dataclass(slots=True)
class CrashCount:
    """How often a program was seen to crash while we waited for it."""

    crashes: int = 0
    _starts: set[int] = field(default_factory=set)

    def saw(self, state: ProcessState) -> None:
        """Take one look: every start that was seen has ended, except the one that is up."""
        self._starts.add(state.started_s)
        self.crashes = len(self._starts) - state.is_up


def wait_until_ready(
    supervisord: Supervisord,
    programs: Sequence[Program],
    *,
    timeout_s: float,
    on_ready: Callable[[Program], None] = lambda _: None,
) -> None:
    """Return once every program answers its readiness probe with 200.

    Raises NotReadyError at the time limit, or as soon as one keeps crashing.
    """
    give_up = time.monotonic() + timeout_s
    crashes = {program.name: CrashCount() for program in programs}
    waiting = list(programs)
    with httpx.Client(timeout=_ASK_TIMEOUT_S, trust_env=False) as client:
        while waiting:
            ensure_alive(supervisord, [program.name for program in waiting], crashes)
            for program in [p for p in waiting if is_ready(client, p)]:
                waiting.remove(program)
                on_ready(program)
            if waiting and time.monotonic() > give_up:
                reason = f"no 200 from {waiting[0].ready_address} within {timeout_s:.0f} s"
                raise _not_ready(supervisord, waiting[0].name, reason)
            if waiting:
                time.sleep(_POLL_S)


def is_ready(client: httpx.Client, program: Program) -> bool:
    """Ask a program once whether it is ready."""
    try:
        return client.get(program.ready_address).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def ensure_alive(
    supervisord: Supervisord, names: Sequence[str], crashes: dict[str, CrashCount]
) -> None:
    """Raise NotReadyError for a program that crashed again and again."""
    states = supervisord.processes()
    for name in names:
        count = crashes[name]
        count.saw(states[name])
        if states[name].has_given_up or count.crashes > _CRASHES_TOLERATED:
            raise _not_ready(supervisord, name, f"it crashed {count.crashes} times while starting")


def _not_ready(supervisord: Supervisord, name: str, reason: str) -> NotReadyError:
    return NotReadyError(name, reason, last_lines(supervisord.log_path(name)))
