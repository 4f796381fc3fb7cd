"""`docker compose` for one project of the check's own, with parts of deploy/compose beside it."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from load.cgroup import READ_COMMAND, MemoryUse, parse_memory_use

ROOT = Path(__file__).parents[2]
PROJECT = "pneumostream-check"
_PARTS = ROOT / "deploy" / "compose"
_SAID_LINES = 15


class ComposeError(Exception):
    """Docker refused or is not there; the message holds its last lines."""


@dataclass(frozen=True, slots=True)
class Docker:
    """How Docker is called. log: the file that takes all it says."""

    log: Path
    command: Sequence[str] = field(
        default_factory=lambda: shlex.split(os.environ.get("DOCKER", "docker"))
    )

    def run(
        self, *arguments: str, variables: Mapping[str, str] | None = None, may_fail: bool = False
    ) -> str:
        """Give what a command printed. Raises ComposeError if it fails, unless it may."""
        command = [*self.command, *arguments]
        try:
            done = subprocess.run(  # noqa: S603  what Docker is, the caller says
                command,
                cwd=ROOT,
                env={**os.environ, **(variables or {})},
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise ComposeError(f"{command[0]} cannot be started: {error.strerror}") from None
        self._note(command, done)
        if done.returncode and not may_fail:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SAID_LINES:])
            raise ComposeError(f"{' '.join(command)}: exit {done.returncode}\n{said}")
        return done.stdout

    def _note(self, command: Sequence[str], done: subprocess.CompletedProcess[str]) -> None:
        with self.log.open("a") as log:
            log.write(f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}")


@dataclass(frozen=True, slots=True)
class Compose:
    """One project. parts: of deploy/compose. variables: what the files ask for.

    without: services that are left out, because their images cannot be had.
    """

    docker: Docker
    parts: Sequence[str]
    variables: Mapping[str, str]
    without: frozenset[str] = frozenset()

    @property
    def gateway_port(self) -> int:
        """Where the gateway is published on loopback."""
        return int(self.variables["GATEWAY_PORT"])

    @property
    def url(self) -> str:
        """Give the gateway's address."""
        return f"http://127.0.0.1:{self.gateway_port}"

    def run(self, *arguments: str, may_fail: bool = False) -> str:
        """Give what `docker compose …` printed. Raises ComposeError."""
        files = ["docker-compose.yml", *(str(_PARTS / f"{part}.yml") for part in self.parts)]
        named = [word for file in files for word in ("--file", file)]
        where = ["compose", "--project-name", PROJECT, "--project-directory", str(ROOT), *named]
        return self.docker.run(*where, *arguments, variables=self.variables, may_fail=may_fail)

    def services(self) -> Sequence[str]:
        """Name the services that run: all without a profile but those left out."""
        return sorted(set(self.run("config", "--services").split()) - self.without)

    def images(self) -> Mapping[str, int]:
        """Give the size of each image that is built here, bytes."""
        config = json.loads(self.run("--profile", "operations", "config", "--format", "json"))
        built = {s["image"] for s in config["services"].values() if "build" in s}
        return {image: self._size(image) for image in sorted(built)}

    def _size(self, image: str) -> int:
        said = self.docker.run("image", "inspect", "--format", "{{.Size}}", image, may_fail=True)
        return int(said) if said.strip() else 0

    def up(self, workers: int) -> None:
        """Start what is missing, or change the number of workers; return when all are healthy."""
        scale = f"inference-worker={workers}"
        wait = ("--detach", "--wait", "--wait-timeout", "300", "--no-recreate", "--no-build")
        self.run("up", *wait, "--scale", scale, *self.services())

    def kill_worker(self) -> None:
        """End one worker as a crash would: at once, without a word."""
        first = self.run("ps", "--quiet", "inference-worker").split()[0]
        self.docker.run("kill", first)

    def memory_use(self, service: str) -> Iterator[tuple[str, MemoryUse, bool]]:
        """Yield each container's name, what its cgroup says, and whether Docker saw it killed.

        Killed for its memory, or started again: a new start has a new cgroup, with new counters.
        """
        for container in self.run("ps", "--all", "--quiet", service).split():
            state = "{{.Name}} {{.State.OOMKilled}} {{.RestartCount}}"
            name, is_killed, restarts = self.docker.run(
                "inspect", "--format", state, container
            ).split()
            printed = self.docker.run("exec", container, *READ_COMMAND, may_fail=True)
            was_killed = is_killed == "true" or restarts != "0"
            yield name.lstrip("/"), parse_memory_use(printed), was_killed

    def audit(self, *options: str) -> dict[str, Any]:
        """Give the auditor's report; it runs in a container of its own."""
        command = ("audit", "--wait", "--json", *options)
        said = self.run(
            "run", "--rm", "--no-deps", "--quiet-pull", "operations", *command, may_fail=True
        )
        try:
            return dict(json.loads(said))
        except ValueError:
            raise ComposeError(f"the auditor said nothing: see {self.docker.log}") from None

    @contextmanager
    def running(self, workers: int) -> Iterator[None]:
        """Have it run for the block's length, from nothing; afterwards it and its data are gone."""
        self._remove()
        try:
            self.up(workers)
            yield
        except ComposeError:
            self.run("logs", "--no-color", "--tail", "100", may_fail=True)
            raise
        finally:
            self._remove()

    def _remove(self) -> None:
        self.run("--profile", "operations", "down", "--volumes", "--remove-orphans", may_fail=True)
