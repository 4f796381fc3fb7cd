"""One broker as a child of this process, for tests: start, stop, kill, pause, start again."""

import asyncio
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded.errors import NotReadyError
from embedded.kafka.broker import prepare_broker
from embedded.kafka.properties import BrokerConfig
from embedded.kafka.readiness import wait_for_kafka
from embedded.log_tail import last_lines
from embedded.ports import ensure_free
from shared.kafka.settings import KafkaSettings

_START_TIMEOUT_S = 90.0
_STOP_TIMEOUT_S = 30.0


class RestartableBroker:
    """A real broker that a test may stop, kill or freeze; its storage outlives each process."""

    def __init__(self, config: BrokerConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Give the address that clients take; it stays the same over restarts."""
        return self.config.bootstrap_servers

    @property
    def log_path(self) -> Path:
        """Give the file that holds what every process of this broker printed."""
        return self.config.folder / "broker.log"

    def start(self) -> None:
        """Start the broker and return once it answers.

        Raises PortTakenError, NotReadyError with the log's last lines, or prepare_broker's errors.
        """
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the broker's process; one of several answers only with a majority of them.

        Raises PortTakenError, or prepare_broker's errors.
        """
        ensure_free(self.config.port, "the broker's port")
        ensure_free(self.config.controller_port, "the broker's controller_port")
        command = prepare_broker(self.config)
        with self.log_path.open("ab") as log:
            # Its own session: Ctrl-C in a terminal is for us, and we stop the broker in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Return once the broker answers; it is killed if it does not. Raises NotReadyError."""
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker in order, as an operator would; kill it if it takes too long."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the broker at once, as a power cut would end it."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(_STOP_TIMEOUT_S)
            self._process = None

    def pause(self) -> None:
        """Freeze the broker: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)
        # A thread on another core may go on for a moment, and answer.
        while self._process is not None and self._process.poll() is None:
            if _is_stopped(self._process.pid):
                return
            time.sleep(0.001)

    def resume(self) -> None:
        """Thaw a paused broker."""
        self._signal(signal.SIGCONT)

    def log_tail(self) -> tuple[str, ...]:
        """Give the last lines that the broker printed."""
        return last_lines(self.log_path)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _wait(self) -> None:
        settings = KafkaSettings(bootstrap_servers=self.bootstrap_servers)
        waiting = wait_for_kafka(settings, timeout_s=_START_TIMEOUT_S, check=self._ensure_alive)
        # In a thread of its own: the caller may be a fixture inside somebody's running loop.
        with ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(asyncio.run, waiting).result()
            except TimeoutError:
                reason = f"no answer within {_START_TIMEOUT_S:.0f} s"
                raise NotReadyError("The Kafka broker", reason, self.log_tail()) from None

    def _ensure_alive(self) -> None:
        if self._process is not None and (code := self._process.poll()) is not None:
            raise NotReadyError("The Kafka broker", f"it ended with code {code}", self.log_tail())


def _is_stopped(pid: int) -> bool:
    """Tell whether none of a process's threads runs: proc_pid_stat(5), state T."""
    try:
        tasks = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # a thread has just ended
        return False
    return all(task.rpartition(") ")[2].startswith("T") for task in tasks)
