"""A system's processes: start, freeze while others are measured, read, scale, stop."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from bench.compare.load import BenchTarget
from embedded.stack.orphans import end_orphans, find_orphans

_MODULES = {
    "gateway": "gateway",
    "inference_worker": "worker",
    "registry": "registry",
    "trainer": "trainer",
    "embedded": "supervisor",
}
_MARKS = (
    ("kafka.Kafka", "broker"),
    ("resource_tracker", "other"),
    ("spawn_main", "worker"),
    ("supervisord", "supervisor"),
)


def role_of(command: Sequence[str]) -> str:
    """Name a process: broker, gateway, worker, registry, trainer, supervisor, server or other.

    A child that multiprocessing spawned is a worker; what nothing else names is the server.
    """
    words = list(command)
    for mark, role in _MARKS:
        if any(mark in word for word in words):
            return role
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return _MODULES.get(module, "server")


_PATIENCE_S = 60.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Scaling:
    """The command that adds a worker, and the address of that worker's readiness."""

    argv: tuple[str, ...]
    ready_address: str
    environment: Mapping[str, str] = field(default_factory=dict)


def time_further_worker(scaling: Scaling, workers: Callable[[], Mapping[int, float]]) -> float:
    """Add a worker; return the seconds from the start of its process to its first 200.

    workers: when each worker was start_system, seconds since the epoch, by process id. Raises
    ChildProcessError if the command fails, TimeoutError if no worker is ready in time.
    """
    before = workers()
    done = subprocess.run(scaling.argv, env=os.environ | scaling.environment, check=False)
    if done.returncode != 0:
        raise ChildProcessError(f"adding a worker ended with code {done.returncode}")
    give_up_s = time.monotonic() + _PATIENCE_S
    with httpx.Client(timeout=_POLL_S * 20, trust_env=False) as client:
        while not _is_ready(client, scaling.ready_address):
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"a further worker was not ready in {_PATIENCE_S:g} s")
            time.sleep(_POLL_S)
    ready_s = time.time()
    begun_s = [at_s for pid, at_s in workers().items() if pid not in before]
    if not begun_s:
        raise ChildProcessError("no further worker was started")
    return round(ready_s - max(begun_s), 2)


def _is_ready(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


_STOP_S = 45.0
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class ProgramCommand:
    """One program. before: run just before it starts, for what it needs to find."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Launch:
    """How a system is started and addressed.

    stack: the data folder whose mark its processes carry, where a supervisor starts them.
    freezes: may be stopped by SIGSTOP while others are measured; a member of a Kafka group, or a
    broker, would be taken for dead.
    ready_line: what its output has once everything of it is up, beyond the first answer.
    is_checked: its answers are those of the model. only: payloads and clients it is measured with;
    empty: all. scaling: how a further worker is added to it while it runs.
    """

    name: str
    commands: tuple[ProgramCommand, ...]
    target: BenchTarget
    stack: Path | None = None
    freezes: bool = True
    ready_line: str = ""
    is_checked: bool = True
    only: frozenset[tuple[str, int]] = frozenset()
    scaling: Scaling | None = None

    def takes(self, payload: str, clients: int) -> bool:
        """Return whether it is measured with this payload and so many clients."""
        return not self.only or (payload, clients) in self.only


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far by process id, and each one's role."""

    cpu_s: Mapping[int, float]
    roles: Mapping[int, str]


class Running:
    """A started system."""

    def __init__(
        self, launch: Launch, roots: Sequence[subprocess.Popen[bytes]], log_path: Path
    ) -> None:
        self.launch = launch
        self._roots = roots
        self._log_path = log_path

    @property
    def is_up(self) -> bool:
        """Whether its output has the ready line; a system without one is up at once."""
        return self.launch.ready_line in self._log_path.read_text(errors="replace")

    def ensure_alive(self) -> None:
        """Raise ChildProcessError if a program that was started has ended."""
        for root in self._roots:
            if root.poll() is not None:
                raise ChildProcessError(f"{self.launch.name} ended with code {root.returncode}")

    def processes(self) -> list[psutil.Process]:
        """Return every process of the system, children included."""
        found: dict[int, psutil.Process] = {}
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):
                parent = psutil.Process(root.pid)
                found |= {one.pid: one for one in (parent, *parent.children(recursive=True))}
        if self.launch.stack is not None:
            found |= {one.pid: one for one in find_orphans(self.launch.stack)}
        return list(found.values())

    def usage(self) -> Usage:
        """Read the CPU time of every process."""
        cpu_s, roles = {}, {}
        for process in self.processes():
            with suppress(psutil.NoSuchProcess), process.oneshot():
                roles[process.pid] = role_of(process.cmdline())  # raises for one that has ended
                times = process.cpu_times()
                cpu_s[process.pid] = times.user + times.system
        return Usage(cpu_s, roles)

    def rss_mb(self) -> dict[str, tuple[float, ...]]:
        """Read the resident megabytes of every process, by role, the largest first."""
        sizes: dict[str, list[float]] = {}
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                size = round(process.memory_info().rss / _MEGABYTE, 1)
                sizes.setdefault(role_of(process.cmdline()), []).append(size)
        return {role: tuple(sorted(each, reverse=True)) for role, each in sizes.items()}

    def begun_s(self, role: str) -> dict[int, float]:
        """Read when each process of a role was started, seconds since the epoch, by id."""
        found = {}
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                if role_of(process.cmdline()) == role:
                    found[process.pid] = process.create_time()
        return found

    def freeze(self) -> None:
        """Stop the system's processes until they are thawed, if it can be frozen."""
        self._each(psutil.Process.suspend)

    def thaw(self) -> None:
        """Let the system run again."""
        self._each(psutil.Process.resume)

    def stop(self) -> None:
        """End every process: in order if they obey, the last started first; else at once."""
        self.thaw()
        everyone = self.processes()
        for root in reversed(self._roots):
            root.terminate()
            with suppress(subprocess.TimeoutExpired):
                root.wait(_STOP_S)
        if self.launch.stack is not None:
            end_orphans(self.launch.stack)
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for root in self._roots:
            root.wait()

    def _each(self, do: Callable[[psutil.Process], None]) -> None:
        if self.launch.freezes:
            for process in self.processes():
                with suppress(psutil.NoSuchProcess):
                    do(process)


def cpu_by_role(before: Usage, after: Usage) -> dict[str, float]:
    """Return the CPU seconds between two readings; a process that is new counts from zero."""
    spent: dict[str, float] = {}
    for pid, cpu_s in after.cpu_s.items():
        role = after.roles[pid]
        spent[role] = spent.get(role, 0.0) + cpu_s - before.cpu_s.get(pid, 0.0)
    return spent


@contextmanager
def start_system(launch: Launch, folder: Path) -> Iterator[Running]:
    """Start a system, its output in `folder`/NAME.log; it is stopped afterwards."""
    roots: list[subprocess.Popen[bytes]] = []
    log_path = folder / f"{launch.name}.log"
    running = Running(launch, roots, log_path)
    with ExitStack() as stack:
        log = stack.enter_context(log_path.open("wb"))
        stack.callback(running.stop)
        for command in launch.commands:
            command.before()
            # Its own session: Ctrl-C in a terminal is for us, and we stop it in order.
            roots.append(
                subprocess.Popen(
                    command.argv,
                    env=os.environ | command.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    start_new_session=True,
                )
            )
        yield running
