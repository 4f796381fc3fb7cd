"""One namespace of a Kubernetes cluster, by kubectl, and how one of its containers is killed."""

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load.hostile import READ_MEMORY_COMMAND, MemoryUse, parse_memory_use
from load.trials import run_logged

_LABEL = "app.kubernetes.io/name"
_POLL_S = 0.5
_OUR_IMAGE = re.compile(r"(image: \S*pneumostream-[\w-]+):\S+")


@dataclass(frozen=True, slots=True)
class KubernetesContainer:
    """A running container. id: without its runtime's scheme, as crictl and ctr take it."""

    pod: str
    node: str
    id: str
    restarts: int
    is_ready: bool
    was_out_of_memory: bool


@dataclass(frozen=True, slots=True)
class KubernetesNamespace:
    """kubectl: the command with its options. kill: a command with {container}, {pod}, {node}.

    kill is empty where containers cannot be killed. log: the file for all output.
    """

    kubectl: Sequence[str]
    name: str
    kill: str
    log: Path

    def run_kubectl(self, *arguments: str, stdin: str | None = None, may_fail: bool = False) -> str:
        """Return what kubectl printed. Raises TrialError."""
        return run_logged([*self.kubectl, *arguments], self.log, stdin=stdin, may_fail=may_fail)

    def run_within(self, *arguments: str, may_fail: bool = False) -> str:
        """Return what kubectl printed for this namespace. Raises TrialError."""
        return self.run_kubectl("--namespace", self.name, *arguments, may_fail=may_fail)

    def apply_overlay(self, overlay: Path, *, tag: str | None = None) -> None:
        """Run `kubectl apply -k`, or apply the same objects with another tag of our images."""
        if tag is None:
            self.run_kubectl("apply", "-k", str(overlay))
        else:
            manifests = with_tag(self.run_kubectl("kustomize", str(overlay)), tag)
            self.run_kubectl("apply", "-f", "-", stdin=manifests)

    def wait_available(self, *deployments: str, timeout_s: float) -> None:
        """Return when these Deployments, or all, are Available. Raises TrialError."""
        names = [f"deployment/{name}" for name in deployments] or ["deployment", "--all"]
        wait = ("wait", "--for=condition=Available")
        self.run_within(*wait, *names, f"--timeout={timeout_s:.0f}s")

    def wait_rolled_out(self, *deployments: str, timeout_s: float) -> None:
        """Return when these Deployments, or all, run what was applied last. Raises TrialError."""
        items = self._get("deployments")["items"] if not deployments else ()
        for name in deployments or [item["metadata"]["name"] for item in items]:
            status = ("rollout", "status", f"deployment/{name}")
            self.run_within(*status, f"--timeout={timeout_s:.0f}s")

    def scale_deployment(self, name: str, replicas: int, *, timeout_s: float) -> None:
        """Change the number of replicas; return when all are ready."""
        self.run_within("scale", f"deployment/{name}", f"--replicas={replicas}")
        self.wait_rolled_out(name, timeout_s=timeout_s)

    def service_url(self, service: str) -> str:
        """Return a Service's address in the cluster."""
        spec = self._get("service", service)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def containers(self, workload: str) -> Sequence[KubernetesContainer]:
        """Return the containers of a workload's pods that are not being deleted."""
        return list(_containers(self._get("pods", f"--selector={_LABEL}={workload}")["items"]))

    def kill_one(self, workload: str, timeout_s: float) -> tuple[float, float]:
        """SIGKILL one container; return when it was killed and when it was ready again.

        Both in monotonic seconds. Raises TrialError, TimeoutError.
        """
        target = self.containers(workload)[0]
        names = {"container": target.id, "pod": target.pod, "node": target.node}
        killed_s = time.monotonic()
        run_logged([word.format(**names) for word in shlex.split(self.kill)], self.log)
        while not any(
            each.pod == target.pod and each.restarts > target.restarts and each.is_ready
            for each in self.containers(workload)
        ):
            if time.monotonic() > killed_s + timeout_s:
                raise TimeoutError(f"{target.pod} is not ready {timeout_s:.0f} s after its kill")
            time.sleep(_POLL_S)
        return killed_s, time.monotonic()

    def memory_use(self, container: KubernetesContainer) -> MemoryUse:
        """Read the container's own cgroup."""
        command = ("exec", container.pod, "--", *READ_MEMORY_COMMAND)
        return parse_memory_use(self.run_within(*command, may_fail=True))

    def _get(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self.run_within("get", *arguments, "--output=json")))


def with_tag(manifests: str, tag: str) -> str:
    """Return rendered manifests with another tag for every image of ours."""
    return _OUR_IMAGE.sub(rf"\1:{tag}", manifests)


def _containers(pods: Sequence[Mapping[str, Any]]) -> Iterator[KubernetesContainer]:
    for pod in pods:
        if "deletionTimestamp" in pod["metadata"]:
            continue
        for status in pod["status"].get("containerStatuses", ()):
            ended = status.get("lastState", {}).get("terminated", {})
            yield KubernetesContainer(
                pod=pod["metadata"]["name"],
                node=pod["spec"].get("nodeName", ""),
                id=status.get("containerID", "").rpartition("//")[2],
                restarts=status["restartCount"],
                is_ready=status["ready"],
                was_out_of_memory=ended.get("reason") == "OOMKilled",
            )
