"""Services as real processes, for tests of what no single process can promise."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.05


class ServiceProcess:
    """One `python -m <package>` with its settings in the environment and its log in a file."""

    def __init__(self, package: str, port: int, env: Mapping[str, str], log: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        self._log = log
        self._output: IO[bytes] = log.open("ab")
        self._process = subprocess.Popen(  # noqa: S603  our own packages, no shell
            [sys.executable, "-m", *package.split()],
            env={**os.environ, **env},
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has come to an end, of itself or not."""
        return self._process.poll() is not None

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def wait_ready(self, path: str = "/health/ready") -> None:
        """Return once `path` says 200. Raises AssertionError with the log's end."""
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"it ended:\n{self.log[-3000:]}"
            try:
                if httpx.get(f"{self.url}{path}", timeout=2, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(_POLL_S)
        raise AssertionError(f"not ready in {_READY_TIMEOUT_S} s:\n{self.log[-3000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to leave, and give its exit code; one that stays is killed and fails the test."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"it did not stop:\n{self.log[-3000:]}") from error
        finally:
            self._output.close()


@contextmanager
def running(package: str, port: int, env: Mapping[str, str], log: Path) -> Iterator[ServiceProcess]:
    """Run a service for the length of the block; whatever is left of it then is killed."""
    process = ServiceProcess(package, port, env, log)
    try:
        yield process
    finally:
        if process._process.poll() is None:  # noqa: SLF001
            process.kill()
        process._output.close()  # noqa: SLF001
