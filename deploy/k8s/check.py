"""`make k8s-check`: a cluster's API server judges every overlay, and keeps nothing of it.

`kubectl apply --dry-run=server` validates every field, runs admission, and needs the definitions
of KEDA, Strimzi and the Prometheus operator for `production`. KUBECTL names the command, with its
options: KUBECTL="kubectl --context test". A namespace that does not exist is made for the check
and removed afterwards. Exit 1: something was refused; 2: there is no cluster.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

OVERLAYS = Path(__file__).parent / "overlays"
REFUSED, NO_CLUSTER = 1, 2


class Kubectl:
    """kubectl, as KUBECTL calls it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return what it printed and its exit status. Raises OSError."""
        return subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, check=False
        )

    @contextmanager
    def namespace(self, name: str) -> Iterator[None]:
        """Have a namespace for the block: a dry run in one that does not exist is refused."""
        is_ours = self.run("get", "namespace", name).returncode != 0
        if is_ours:
            self.run("create", "namespace", name)
        try:
            yield
        finally:
            if is_ours:
                self.run("delete", "namespace", name)


def namespace_of(overlay: Path) -> str:
    """Return the namespace that an overlay puts its objects into."""
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
    return str(yaml.safe_load(text)["namespace"])


def refusals(kubectl: Kubectl, overlay: Path) -> list[str]:
    """Print how many objects of an overlay are accepted, and return why others are not."""
    with kubectl.namespace(namespace_of(overlay)):
        done = kubectl.run("apply", "--dry-run=server", "-k", str(overlay))
    accepted = [line for line in done.stdout.splitlines() if "(server dry run)" in line]
    print(f"{overlay.name}: {len(accepted)} objects accepted", flush=True)
    if not done.returncode:
        return []
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Warning:")]
    if any("no matches for kind" in line for line in lines):
        lines.append("The cluster lacks definitions of KEDA, Strimzi or the Prometheus operator.")
    return lines


def main() -> int:
    """Check each overlay; print what was refused."""
    command = shlex.split(os.environ.get("KUBECTL", "kubectl"))
    kubectl = Kubectl(command)
    try:
        reached = kubectl.run("get", "--raw", "/readyz", "--request-timeout=10s")
    except OSError as error:
        print(f"k8s-check: {command[0]} cannot be started: {error.strerror}.", file=sys.stderr)
        return NO_CLUSTER
    if reached.returncode:
        said = reached.stderr.strip().splitlines()
        print("k8s-check: no cluster can be reached, so nothing was checked.", file=sys.stderr)
        print(said[-1] if said else "", file=sys.stderr)
        return NO_CLUSTER
    refused = [
        f"{overlay.name}: {line}"
        for overlay in sorted(path.parent for path in OVERLAYS.glob("*/kustomization.yaml"))
        for line in refusals(kubectl, overlay)
    ]
    print("\n".join(refused) or "Every overlay is accepted.")
    return REFUSED if refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
