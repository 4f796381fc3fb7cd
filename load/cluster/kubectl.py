"""One namespace of a cluster, by kubectl; and how a container of it is killed."""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load.cgroup import READ_COMMAND, MemoryUse, parse_memory_use

_LABEL = "app.kubernetes.io/name"
_POLL_S = 0.5
_SAID_LINES = 15
_OUR_IMAGE = re.compile(r"(image: \S*pneumostream-[\w-]+):\S+")


class ClusterError(Exception):
    """kubectl or the kill command failed; the message holds its last lines."""


@dataclass(frozen=True, slots=True)
class Container:
    """A running container. id: without its runtime's scheme, as crictl and ctr take it."""

    pod: str
    node: str
    id: str
    restarts: int
    is_ready: bool
    was_out_of_memory: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """kubectl: the command with its options. kill: a command with {container}, {pod}, {node}.

    kill is empty where containers cannot be killed. log: the file that takes all that is printed.
    """

    kubectl: Sequence[str]
    namespace: str
    kill: str
    log: Path

    def run(self, *arguments: str, stdin: str | None = None, may_fail: bool = False) -> str:
        """Return what kubectl printed. Raises ClusterError."""
        return self._call([*self.kubectl, *arguments], stdin=stdin, may_fail=may_fail)

    def within(self, *arguments: str, may_fail: bool = False) -> str:
        """The same within the namespace. Raises ClusterError."""
        return self.run("--namespace", self.namespace, *arguments, may_fail=may_fail)

    def _call(
        self, command: Sequence[str], *, stdin: str | None = None, may_fail: bool = False
    ) -> str:
        try:
            done = subprocess.run(  # noqa: S603  what kubectl is, the caller says
                command, input=stdin, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise ClusterError(f"{command[0]} cannot be started: {error.strerror}") from None
        with self.log.open("a") as log:
            log.write(f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}")
        if done.returncode and not may_fail:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SAID_LINES:])
            raise ClusterError(f"{shlex.join(command)}: exit {done.returncode}\n{said}")
        return done.stdout

    def apply(self, overlay: Path, *, tag: str | None = None) -> None:
        """`kubectl apply -k`, or the same objects with another tag of our images."""
        if tag is None:
            self.run("apply", "-k", str(overlay))
        else:
            self.run("apply", "-f", "-", stdin=with_tag(self.run("kustomize", str(overlay)), tag))

    def wait_available(self, *deployments: str, timeout_s: float) -> None:
        """Return when these Deployments, or all, are Available. Raises ClusterError."""
        names = [f"deployment/{name}" for name in deployments] or ["deployment", "--all"]
        self.within("wait", "--for=condition=Available", *names, f"--timeout={timeout_s:.0f}s")

    def wait_rolled_out(self, timeout_s: float) -> None:
        """Return when every Deployment runs what was applied last. Raises ClusterError."""
        for name in json.loads(self.within("get", "deployments", "--output=json"))["items"]:
            deployment = f"deployment/{name['metadata']['name']}"
            self.within("rollout", "status", deployment, f"--timeout={timeout_s:.0f}s")

    def scale(self, deployment: str, replicas: int, *, timeout_s: float) -> None:
        """Change how many there are; return when all are ready."""
        self.within("scale", f"deployment/{deployment}", f"--replicas={replicas}")
        self.within("rollout", "status", f"deployment/{deployment}", f"--timeout={timeout_s:.0f}s")

    def url(self, service: str) -> str:
        """Return a Service's address in the cluster."""
        spec = json.loads(self.within("get", "service", service, "--output=json"))["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def containers(self, workload: str) -> Sequence[Container]:
        """Return the containers of a workload's pods that are not being deleted."""
        selector = f"--selector={_LABEL}={workload}"
        found = json.loads(self.within("get", "pods", selector, "--output=json"))["items"]
        return list(_containers(found))

    def kill_one(self, workload: str, timeout_s: float) -> tuple[float, float]:
        """SIGKILL one container; return when it was killed and when it was ready again.

        Both in monotonic seconds. Raises ClusterError, TimeoutError.
        """
        target = self.containers(workload)[0]
        words = {"container": target.id, "pod": target.pod, "node": target.node}
        killed_s = time.monotonic()
        self._call([word.format(**words) for word in shlex.split(self.kill)])
        while not self._is_back(workload, target):
            if time.monotonic() > killed_s + timeout_s:
                raise TimeoutError(f"{target.pod} is not ready {timeout_s:.0f} s after its kill")
            time.sleep(_POLL_S)
        return killed_s, time.monotonic()

    def _is_back(self, workload: str, killed: Container) -> bool:
        return any(
            each.pod == killed.pod and each.restarts > killed.restarts and each.is_ready
            for each in self.containers(workload)
        )

    def memory_use(self, container: Container) -> MemoryUse:
        """Read the container's own cgroup."""
        return parse_memory_use(
            self.within("exec", container.pod, "--", *READ_COMMAND, may_fail=True)
        )


def with_tag(manifests: str, tag: str) -> str:
    """Return rendered manifests with another tag for every image of ours."""
    return _OUR_IMAGE.sub(rf"\1:{tag}", manifests)


def _containers(pods: Sequence[Mapping[str, Any]]) -> Iterator[Container]:
    for pod in pods:
        if "deletionTimestamp" in pod["metadata"]:
            continue
        for status in pod["status"].get("containerStatuses", ()):
            ended = status.get("lastState", {}).get("terminated", {})
            yield Container(
                pod=pod["metadata"]["name"],
                node=pod["spec"].get("nodeName", ""),
                id=status.get("containerID", "").rpartition("//")[2],
                restarts=status["restartCount"],
                is_ready=status["ready"],
                was_out_of_memory=ended.get("reason") == "OOMKilled",
            )
