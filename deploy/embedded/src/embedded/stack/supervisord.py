"""supervisord as we use it: one per data folder, spoken to over its unix socket."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.states import ProcessStates, getProcessStateDescription
from supervisor.xmlrpc import Faults, SupervisorTransport

from embedded.errors import NotRunningError, SupervisorError
from embedded.log_tail import last_lines
from embedded.stack.no_proxy import without_proxy_for_loopback
from embedded.stack.orphans import end_orphans
from embedded.stack.programs import Program
from embedded.stack.supervisor_config import (
    render_head,
    render_program,
    section_name,
    split_sections,
)

# A unix socket's path has at most 107 bytes, and supervisord first binds "<path>.<pid>".
_LONGEST_SOCKET_PATH = 95
_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 60.0
_POLL_S = 0.05
_WAITING, _WITHOUT_WAITING = True, False


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One program as supervisord sees it; pid is 0 while it does not run."""

    name: str
    state: str
    pid: int
    started_s: int
    exit_code: int

    @property
    def is_up(self) -> bool:
        """Tell whether a process exists, be it young."""
        return self.state in ("STARTING", "RUNNING")

    @property
    def is_alive(self) -> bool:
        """Tell whether a process exists, be it on its way out."""
        return self.is_up or self.state == "STOPPING"

    @property
    def has_given_up(self) -> bool:
        """Tell whether supervisord no longer tries to start it."""
        return self.state == "FATAL"


class Supervisord:
    """The supervisor of one data folder, whoever started it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.logs = data / "logs"
        self.socket = socket_path(data)
        self._child: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        """Tell whether a supervisor answers on the socket."""
        try:
            self._call("getState")
        except SupervisorError:
            return False
        return True

    def start(self, programs: Sequence[Program]) -> None:
        """Start the supervisor over programs that do not run yet; return once it answers.

        It gets a session of its own: Ctrl-C reaches us, and we stop the programs in order.
        Raises SupervisorError.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._config_path.write_text(
            render_head(self.data, self.socket, self.logs)
            + "".join(render_program(self.data, self.logs, program) for program in programs)
        )
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--silent"]
        with self._complaints.open("wb") as complaints:
            self._child = subprocess.Popen(  # noqa: S603 - a fixed command on our own paths
                [*command, "--configuration", str(self._config_path)],
                env=without_proxy_for_loopback(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
        try:
            self._wait_until_running(self._child)
        except BaseException:
            self._child.kill()  # nothing runs under it yet
            self._child.wait()
            raise

    def _wait_until_running(self, child: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + _START_TIMEOUT_S
        while not self.is_running():
            if child.poll() is not None or time.monotonic() > give_up:
                said = " / ".join(last_lines(self._complaints)) or "no word of it"
                raise SupervisorError(f"The supervisor did not start: {said}.")
            time.sleep(_POLL_S)

    def start_program(self, name: str) -> None:
        """Start a program unless it runs; whether it becomes ready is another question."""
        self._call("startProcess", name, _WITHOUT_WAITING, tolerate=(Faults.ALREADY_STARTED,))

    def restart_program(self, name: str) -> None:
        """Stop a program in order, then start it again."""
        self._call("stopProcess", name, _WAITING, tolerate=(Faults.NOT_RUNNING,))
        self.start_program(name)

    def replace_programs(
        self, prefix: str, programs: Sequence[Program]
    ) -> tuple[list[str], list[str]]:
        """Make these the programs whose names start with prefix; leave all others alone.

        Gives the names added (and started) and removed (and stopped).
        """
        # Sections of other programs stay as they are in the file: a section that differs would
        # be restarted, and they were perhaps written under other settings than today's.
        head, *sections = split_sections(self._config_path.read_text())
        kept = [text for text in sections if not section_name(text).startswith(prefix)]
        new = [render_program(self.data, self.logs, program) for program in programs]
        self._config_path.write_text("".join([head, *kept, *new]))
        added, _, removed = self._call("reloadConfig")[0]
        for name in removed:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in added:
            self._call("addProcessGroup", name)
            self.start_program(name)
        return list(added), list(removed)

    def processes(self) -> dict[str, ProcessState]:
        """Give every program's state by name. Raises SupervisorError if nobody answers."""
        found = self._call("getAllProcessInfo")
        return {entry["name"]: _state(entry) for entry in found}

    def log_path(self, name: str) -> Path:
        """Give the file that holds what a program printed."""
        return self.logs / f"{name}.log"

    def stop(self) -> bool:
        """Stop all programs in order, then the supervisor; end whatever is left of the stack.

        Gives whether anything ran. Never raises for what is gone already.
        """
        ran = False
        try:
            pid = int(self._call("getPID"))
            self._stop_programs()
            self._call("shutdown")
        except SupervisorError:
            pid = 0
        if pid:
            ran = True
            _wait_for_end(pid)
        if self._child is not None:
            self._child.wait()
        orphans = end_orphans(self.data)
        for leftover in (self.socket, self.data / "supervisord.pid"):
            leftover.unlink(missing_ok=True)
        return ran or orphans > 0

    def _stop_programs(self) -> None:
        # supervisord's own shutdown stops one program after the other, a second each.
        orders = {e["name"]: e["process_prio"] for e in self._call("getAllConfigInfo")}
        for order in sorted(set(orders.values()), reverse=True):
            wave = [name for name in orders if orders[name] == order]
            for name in wave:
                tolerate = (Faults.NOT_RUNNING,)
                self._call("stopProcess", name, _WITHOUT_WAITING, tolerate=tolerate)
            # Whoever does not obey gets SIGKILL from supervisord after its stop_wait_s.
            while any(self.processes()[name].is_alive for name in wave):
                time.sleep(_POLL_S)

    @property
    def _complaints(self) -> Path:
        # Not a .log: it only holds what went wrong before supervisord could write its own.
        return self.logs / "supervisord.stderr"

    @property
    def _config_path(self) -> Path:
        return self.data / "supervisord.conf"

    def _call(self, method: str, *arguments: Any, tolerate: Sequence[int] = ()) -> Any:
        try:
            with _rpc(self.socket) as server:
                return getattr(server.supervisor, method)(*arguments)
        except Fault as fault:
            if fault.faultCode in tolerate:
                return None
            raise SupervisorError(
                f"The supervisor refused {method}: {fault.faultString}."
            ) from None
        except (OSError, HTTPException):
            raise NotRunningError(self.data) from None


def socket_path(data: Path) -> Path:
    """Give the supervisor's socket: in the data folder, or in a short private one if too long."""
    path = data / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"pneumo-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SupervisorError(
            f"{folder} belongs to somebody else: set PNEUMO_DATA to a short path."
        )
    return folder / "supervisor.sock"


@contextmanager
def _rpc(socket: Path) -> Iterator[ServerProxy]:
    transport = SupervisorTransport(None, None, f"unix://{socket}")
    try:
        yield ServerProxy("http://127.0.0.1", transport=transport)
    finally:
        transport.close()


def _state(entry: dict[str, Any]) -> ProcessState:
    code = ProcessStates.UNKNOWN if entry["state"] is None else entry["state"]
    return ProcessState(
        name=entry["name"],
        state=getProcessStateDescription(code),
        pid=entry["pid"],
        started_s=entry["start"],
        exit_code=entry["exitstatus"],
    )


def _wait_for_end(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_STOP_TIMEOUT_S)
    except psutil.NoSuchProcess:
        return
