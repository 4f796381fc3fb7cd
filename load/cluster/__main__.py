"""`python -m load.cluster`: exit 0 if all passed, 1 if not, 2 if it could not be tried.

    make k8s-trial TRIALS="predict kill" ARGS='--kill "ssh {node} crictl stop -t 0 {container}"'

Applies overlays/try into the cluster that KUBECTL reaches, and removes its namespace afterwards
(--keep: not). It must reach the Services' cluster addresses: run it on a node or in a pod, or name
other addresses with --gateway and --ui.
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from load.cluster.kubectl import Cluster, ClusterError
from load.cluster.trials import TRIALS, Setting, start
from load.images import MissingImagesError
from load.soak.report import lines
from load.soak.verdict import Check, has_passed

FAILED, IMPOSSIBLE = 1, 2
_NAMESPACE = "pneumostream"
_LOG = Path(__file__).parents[2] / "build" / "k8s-trial.log"


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what is named, in this order, and report line by line."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := set(given.trials) - set(TRIALS):
        parser.error(f"no trial is called {', '.join(sorted(unknown))}")
    given.log.parent.mkdir(parents=True, exist_ok=True)
    kubectl = shlex.split(os.environ.get("KUBECTL", "kubectl"))
    cluster = Cluster(kubectl, _NAMESPACE, given.kill, given.log)
    try:
        cluster.run("get", "--raw", "/readyz", "--request-timeout=10s")
        checks = _tried(cluster, given)
    except (ClusterError, TimeoutError, MissingImagesError) as error:
        _say(str(error) or type(error).__name__, f"What kubectl printed: {given.log}")
        return IMPOSSIBLE
    finally:
        if not given.keep:
            cluster.run("delete", "namespace", _NAMESPACE, "--ignore-not-found", may_fail=True)
    passed = has_passed(checks)
    _say(f"Kubernetes trial {'passed' if passed else 'FAILED'}")
    return 0 if passed else FAILED


def _tried(cluster: Cluster, given: argparse.Namespace) -> Sequence[Check]:
    checks = [*start(cluster)]
    _say("start", *lines(checks))
    setting = Setting(
        cluster=cluster,
        gateway=given.gateway or cluster.url("gateway"),
        ui=given.ui or cluster.url("ui"),
        next_tag=given.next_tag,
        images=given.images,
    )
    for name in given.trials or TRIALS:
        began_s = time.monotonic()
        found = TRIALS[name](setting)
        _say(f"{name}, {time.monotonic() - began_s:.0f} s", *lines(found))
        checks += found
    return checks


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"default: {' '.join(TRIALS)}")
    parser.add_argument(
        "--kill", default="", help="command that kills {container} of {pod} on {node}"
    )
    parser.add_argument("--next-tag", help="a second tag of the images, for the upgrade")
    parser.add_argument("--images", type=Path, help="folder of hostile images, for memory")
    parser.add_argument("--gateway", help="its address, if not the Service's cluster address")
    parser.add_argument("--ui", help="its address, likewise")
    parser.add_argument("--keep", action="store_true", help="leave the namespace there")
    parser.add_argument("--log", type=Path, default=_LOG)
    return parser


def _say(*said: str) -> None:
    for line in said:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
