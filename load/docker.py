"""`docker compose` for a project of the trials' own, with parts of deploy/compose."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load.hostile import READ_MEMORY_COMMAND, MemoryUse, parse_memory_use
from load.trials import ROOT, TrialError, run_logged

PROJECT = "pneumostream-check"
_PARTS = ROOT / "deploy" / "compose"


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """log: the file for all output. parts: of deploy/compose. variables: of the Compose files.

    without: services that are left out, because their images are unavailable.
    """

    log: Path
    variables: Mapping[str, str]
    without: frozenset[str] = frozenset()
    parts: Sequence[str] = ()

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.variables['GATEWAY_PORT']}"

    def run_docker(self, *arguments: str, may_fail: bool = False) -> str:
        """Return what `docker …` printed. Raises TrialError."""
        docker = shlex.split(os.environ.get("DOCKER", "docker"))
        env = {**os.environ, **self.variables}
        return run_logged([*docker, *arguments], self.log, env=env, may_fail=may_fail)

    def run_compose(self, *arguments: str, may_fail: bool = False) -> str:
        """Return what `docker compose …` printed. Raises TrialError."""
        files = ["docker-compose.yml", *(str(_PARTS / f"{part}.yml") for part in self.parts)]
        named = [word for file in files for word in ("--file", file)]
        project = ("compose", "--project-name", PROJECT, "--project-directory", str(ROOT))
        return self.run_docker(*project, *named, *arguments, may_fail=may_fail)

    def image_sizes(self) -> Mapping[str, int]:
        """Return the size of each image that is built here and exists, bytes."""
        printed = self.run_compose("--profile", "operations", "config", "--format", "json")
        services = json.loads(printed)["services"].values()
        sizes = {}
        for image in sorted({service["image"] for service in services if "build" in service}):
            inspect = ("image", "inspect", "--format", "{{.Size}}", image)
            if size := self.run_docker(*inspect, may_fail=True).strip():
                sizes[image] = int(size)
        return sizes

    def start_services(self, workers: int) -> None:
        """Start what is missing, or change the number of workers; return when all are healthy."""
        services = sorted(set(self.run_compose("config", "--services").split()) - self.without)
        wait = ("--detach", "--wait", "--wait-timeout", "300", "--no-recreate", "--no-build")
        self.run_compose("up", *wait, "--scale", f"inference-worker={workers}", *services)

    def kill_worker(self) -> None:
        """SIGKILL one worker."""
        first = self.run_compose("ps", "--quiet", "inference-worker").split()[0]
        self.run_docker("kill", first)

    def memory_use(self, service: str) -> Iterator[tuple[str, MemoryUse, bool]]:
        """Yield each container's name, its cgroup's memory, and whether it was killed or restarted.

        A restart begins a new cgroup, whose counters start at zero.
        """
        for container in self.run_compose("ps", "--all", "--quiet", service).split():
            state = "{{.Name}} {{.State.OOMKilled}} {{.RestartCount}}"
            inspected = self.run_docker("inspect", "--format", state, container)
            name, is_killed, restarts = inspected.split()
            printed = self.run_docker("exec", container, *READ_MEMORY_COMMAND, may_fail=True)
            was_killed = is_killed == "true" or restarts != "0"
            yield name.lstrip("/"), parse_memory_use(printed), was_killed

    def audit_requests(self) -> dict[str, Any]:
        """Return the auditor's report on the last ten minutes. Raises TrialError."""
        run = ("run", "--rm", "--no-deps", "--quiet-pull", "operations")
        audit = ("audit", "--wait", "--json", "--since", "10m")
        try:
            return dict(json.loads(self.run_compose(*run, *audit, may_fail=True)))
        except ValueError:
            raise TrialError(f"the auditor reported nothing: see {self.log}") from None

    @contextmanager
    def running(self, workers: int) -> Iterator[None]:
        """Start the project from nothing; remove it and its data afterwards."""
        self._remove()
        try:
            self.start_services(workers)
            yield
        except TrialError:
            self.run_compose("logs", "--no-color", "--tail", "100", may_fail=True)
            raise
        finally:
            self._remove()

    def _remove(self) -> None:
        down = ("down", "--volumes", "--remove-orphans")
        self.run_compose("--profile", "operations", *down, may_fail=True)
