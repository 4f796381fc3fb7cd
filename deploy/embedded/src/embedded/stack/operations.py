"""What is asked of a stack that runs: down, status, logs, restart, scale."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from embedded.errors import EmbeddedError, NotAllReadyError
from embedded.kafka.readiness import wait_for_kafka
from embedded.log_tail import last_lines
from embedded.ports import ensure_all_free
from embedded.stack.lock import stop_holder
from embedded.stack.observing import PROMETHEUS, observing_programs, write_targets
from embedded.stack.programs import KAFKA, WORKER, Program, service_programs, worker_program
from embedded.stack.readiness import is_ready
from embedded.stack.record import missing_kafka_variables, remove_record
from embedded.stack.reporter import Reporter
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import ProcessState, Supervisord
from shared.kafka.settings import KafkaSettings

_FOLLOW_S = 0.3
_LINES = 40
_ASK_KAFKA_S = 5.0
_READY = 5


class UnknownProgramError(EmbeddedError):
    """The named program is not part of the stack."""


def down(settings: StackSettings, reporter: Reporter) -> None:
    """Stop the stack, whether its `up` still lives or was killed."""
    stopped = stop_holder(settings.data)
    stopped = Supervisord(settings.data).stop() or stopped
    remove_record(settings.data)
    reporter.say("Everything is stopped." if stopped else "Nothing was running.")


def status(settings: StackSettings, reporter: Reporter) -> None:
    """Show each program: state, pid, age, address, readiness.

    Raises SupervisorError if no stack runs, NotAllReadyError if a part of it is not ready.
    """
    processes = Supervisord(settings.data).processes()
    addresses = {program.name: program for program in _programs(settings, processes)}
    with httpx.Client(timeout=2.0, trust_env=False) as client:
        rows = [
            _row(state, addresses.get(name), client)
            for name, state in sorted(processes.items())
            if name != KAFKA
        ]
    rows.insert(0, _kafka_row(settings, processes.get(KAFKA)))
    reporter.table(("program", "state", "pid", "age", "address", "ready"), rows)
    if missing := missing_kafka_variables(settings.data):
        reporter.say(f"Kafka was not asked: this shell lacks {', '.join(missing)}.")
    if waiting := [row[0] for row in rows if row[_READY] == "no"]:
        raise NotAllReadyError(waiting)


def restart(settings: StackSettings, reporter: Reporter, name: str) -> None:
    """Stop one program in order and start it again."""
    supervisord = Supervisord(settings.data)
    known = supervisord.processes()
    if name not in known:
        raise UnknownProgramError(f"No program {name!r}; there are: {', '.join(sorted(known))}.")
    supervisord.restart_program(name)
    reporter.say(f"{name} was restarted.")


def scale(settings: StackSettings, reporter: Reporter, workers: int) -> None:
    """Make it this many inference workers; the others keep running untouched."""
    supervisord = Supervisord(settings.data)
    running = supervisord.processes()
    wanted = [worker_program(settings, index) for index in range(workers)]
    new_ports = [program.ports[0] for program in wanted if program.name not in running]
    ensure_all_free([(port.number, port.setting) for port in new_ports])
    added, removed = supervisord.replace_programs(f"{WORKER}-", wanted)
    if PROMETHEUS in running:
        write_targets(settings, _programs(settings, supervisord.processes()))
    changes = [f"+ {name}" for name in added] + [f"- {name}" for name in removed]
    reporter.say(f"{workers} inference workers ({', '.join(changes) or 'as before'}).")


def logs(settings: StackSettings, reporter: Reporter, *, service: str | None, follow: bool) -> None:
    """Print the last lines of one log or of all; with follow, go on until Ctrl-C.

    Raises UnknownProgramError if there is no such log.
    """
    paths = sorted(settings.logs.glob(f"{service or '*'}.log"))
    if not paths:
        raise _no_log(settings, service)
    width = max(len(path.stem) for path in paths)
    for path in paths:
        for line in last_lines(path, _LINES):
            reporter.say(f"{path.stem:<{width}} | {line}")
    if follow:
        for path, line in _new_lines(paths):
            reporter.say(f"{path.stem:<{width}} | {line}")


def _no_log(settings: StackSettings, service: str | None) -> UnknownProgramError:
    known = ", ".join(sorted(path.stem for path in settings.logs.glob("*.log")))
    if not known:
        return UnknownProgramError(f"No logs in {settings.logs}: start a stack with make up.")
    return UnknownProgramError(f"No log of {service!r}; there are: {known}.")


def _new_lines(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    read_bytes = {path: path.stat().st_size for path in paths}
    while True:
        time.sleep(_FOLLOW_S)
        for path in paths:
            size = path.stat().st_size if path.exists() else 0
            # A log that shrank was rotated: its new file is read from the start.
            start = read_bytes[path] if size >= read_bytes[path] else 0
            if size == start:
                continue
            with path.open("rb") as log:
                log.seek(start)
                text = log.read(size - start)
            read_bytes[path] = start + len(text)
            yield from ((path, line) for line in text.decode(errors="replace").splitlines())


def _programs(settings: StackSettings, running: dict[str, ProcessState]) -> list[Program]:
    # More workers may run than the setting says: `scale` came in between.
    indices = [int(n.rpartition("-")[2]) for n in running if n.startswith(f"{WORKER}-")]
    services = [p for p in service_programs(settings) if p.name in running]
    workers = [worker_program(settings, i) for i in indices if i >= settings.workers]
    return [*services, *workers, *observing_programs(settings, running)]


def _kafka_row(settings: StackSettings, state: ProcessState | None) -> tuple[str, ...]:
    address = settings.bootstrap_servers
    if missing_kafka_variables(settings.data):
        ready = "unknown"
    else:
        ready = "yes" if _kafka_answers(address) else "no"
    if state is None:
        return (KAFKA, "external", "", "", address, ready)
    return (*_columns(state), address, ready)


def _kafka_answers(bootstrap_servers: str) -> bool:
    kafka = KafkaSettings(bootstrap_servers=bootstrap_servers)
    try:
        asyncio.run(wait_for_kafka(kafka, timeout_s=_ASK_KAFKA_S))
    except TimeoutError:
        return False
    return True


def _row(state: ProcessState, program: Program | None, client: httpx.Client) -> tuple[str, ...]:
    if program is None:
        return (*_columns(state), "", "")
    ready = "yes" if is_ready(client, program) else "no"
    return (*_columns(state), program.address, ready)


def _columns(state: ProcessState) -> tuple[str, ...]:
    age = f"{time.time() - state.started_s:.0f} s" if state.is_up else ""
    return (state.name, state.state.lower(), str(state.pid or ""), age)
