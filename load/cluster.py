"""`python -m load.cluster`: exit 0 if all trials passed, 1 if not, 2 if impossible.

    make k8s-trial TRIALS="predict kill" ARGS='--kill "ssh {node} crictl stop -t 0 {container}"'

Applies overlays/try to the cluster that KUBECTL reaches, and removes its namespace afterwards
(unless --keep). It must reach the Services' cluster addresses: run it on a node or in a pod, or
name other addresses with --gateway and --ui.
"""

import argparse
import asyncio
import base64
import os
import secrets
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx

from load.hostile import judge_answers, read_hostile_images, send_hostile_images
from load.images import MissingImagesError
from load.kubectl import KubernetesNamespace
from load.trials import (
    FAILED,
    IMPOSSIBLE,
    ROOT,
    TrialError,
    judge_statuses,
    load_during,
    predict_once,
    print_lines,
    run_trial,
    sample_bodies,
)
from load.verdict import Check, has_passed
from shared.testing.load import ConstantLoad, LoadAnswer

OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "try"
START_S = 60.0
"""Maximum from Kafka's being Available until every Deployment is."""

REFUSED_SHARE = 0.01
"""Maximum of the requests that were sent while one of two workers was gone."""

_NAMESPACE = "pneumostream"
_LOG = ROOT / "build" / "k8s-trial.log"
_GATEWAY_HOST = "gateway"
_UI_HOST = f"ui.{_NAMESPACE}"
_RATE = 10
_WAIT_S = 10.0
_MIN_GONE_S = 15.0
"""The group notices a death after its session timeout, 6 s; a container may be back before."""
_REPEAT_S = 5.0
_WORKER_KILLS = 3
_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class ClusterTrial:
    """gateway, ui: addresses that are reachable from here.

    next_tag: a second tag of the images, for the upgrade. images: a folder of hostile images.
    """

    cluster: KubernetesNamespace
    gateway: str
    ui: str
    next_tag: str | None
    images: Path | None


def start_overlay(cluster: KubernetesNamespace) -> Sequence[Check]:
    """Apply the overlay as committed and wait until everything is Available."""
    began_s = time.monotonic()
    cluster.apply_overlay(OVERLAY)
    cluster.wait_available("kafka", timeout_s=_TIMEOUT_S)
    broker_s = time.monotonic()
    cluster.wait_available(timeout_s=_TIMEOUT_S)
    ended_s = time.monotonic()
    found = f"{ended_s - broker_s:.0f} s after Kafka, {ended_s - began_s:.0f} s after apply"
    in_time = ended_s - broker_s <= START_S
    return [Check("all Available", in_time, found, f"at most {START_S:.0f} s")]


def try_prediction(trial: ClusterTrial) -> Sequence[Check]:
    """Request one prediction through the Service."""
    answer = predict_once(trial.gateway, _WAIT_S, host=_GATEWAY_HOST)
    found = f"{answer.said}, {answer.took_s * 1e3:.0f} ms"
    return [Check("prediction through the Service", answer.said == "200", found, "200")]


def try_ui(trial: ClusterTrial) -> Sequence[Check]:
    """Open the UI's page and its WebSocket by the host name; another name gets no WebSocket."""
    page = httpx.get(trial.ui, headers={"Host": _UI_HOST}, timeout=30, trust_env=False)
    ours = asyncio.run(_websocket_status(trial.ui, _UI_HOST))
    other = asyncio.run(_websocket_status(trial.ui, "elsewhere.example.org"))
    return [
        Check(f"page at {_UI_HOST}", page.is_success, str(page.status_code), "200"),
        Check(f"WebSocket at {_UI_HOST}", ours == "101", ours, "101"),
        Check("WebSocket at another name", other == "403", other, "403"),
    ]


def try_kills(trial: ClusterTrial) -> Sequence[Check]:
    """SIGKILL a container of each kind at 10 requests a second, with two gateways and workers."""
    if not trial.cluster.kill:
        return [Check("SIGKILL", None, "not tried", "--kill names how a container is killed")]
    for name in ("gateway", "inference-worker"):
        trial.cluster.scale_deployment(name, 2, timeout_s=_TIMEOUT_S)
    checks, meanwhile = [], Counter[str]()
    for n in range(1, _WORKER_KILLS + 1):
        load = _new_load(trial)
        gone = load_during(load, partial(_kill, trial, "inference-worker"))
        meanwhile += statuses_between(load.answers, *gone)
        checks.append(_judge_load(f"worker killed ({n}), {gone[1] - gone[0]:.0f} s", load))
    refused = sum(number for status, number in meanwhile.items() if status.startswith("503"))
    share = refused / max(1, meanwhile.total())
    found, wanted = f"{refused} of {meanwhile.total()}, {share:.1%}", f"≤ {REFUSED_SHARE:.0%}"
    checks.append(Check("refused while a worker is gone", share <= REFUSED_SHARE, found, wanted))
    for name in ("gateway", "registry", "kafka"):
        load = _new_load(trial)
        gone = load_during(load, partial(_kill, trial, name))
        checks.append(_judge_load(f"{name} killed, {gone[1] - gone[0]:.0f} s", load))
    for name in ("gateway", "inference-worker"):
        trial.cluster.scale_deployment(name, 1, timeout_s=_TIMEOUT_S)
    return checks


def _kill(trial: ClusterTrial, workload: str) -> tuple[float, float]:
    killed_s, ready_s = trial.cluster.kill_one(workload, _TIMEOUT_S)
    time.sleep(max(0.0, killed_s + _MIN_GONE_S - ready_s))
    return killed_s, max(ready_s, killed_s + _MIN_GONE_S)


def try_memory(trial: ClusterTrial) -> Sequence[Check]:
    """Send hostile images; the kernel must kill no process for its memory."""
    if trial.images is None:
        return [Check("memory limits", None, "not tried", "--images names a folder")]
    images = read_hostile_images(trial.images)
    sent = send_hostile_images(trial.gateway, images, host=_GATEWAY_HOST)
    checks = [judge_answers(asyncio.run(sent))]
    for workload in ("gateway", "inference-worker", "registry"):
        for container in trial.cluster.containers(workload):
            use = trial.cluster.memory_use(container)
            passed = not container.was_out_of_memory and use.oom_kills in {0, None}
            found = f"{use}, {container.restarts} restarts"
            checks.append(Check(f"out of memory: {container.pod}", passed, found, "none"))
    return [*checks, *try_prediction(trial)]


def try_upgrade(trial: ClusterTrial) -> Sequence[Check]:
    """Apply the overlay with another image tag, under load."""
    if trial.next_tag is None:
        return [Check("image tag changed by apply", None, "not tried", "--next-tag names a tag")]

    def change() -> float:
        began_s = time.monotonic()
        trial.cluster.apply_overlay(OVERLAY, tag=trial.next_tag)
        trial.cluster.wait_rolled_out(timeout_s=_TIMEOUT_S)
        return time.monotonic() - began_s

    load = _new_load(trial)
    took_s = load_during(load, change)
    return [_judge_load(f"image tag changed by apply, {took_s:.0f} s", load)]


TRIALS: Mapping[str, Callable[[ClusterTrial], Sequence[Check]]] = {
    "predict": try_prediction,
    "ui": try_ui,
    "kill": try_kills,
    "memory": try_memory,
    "upgrade": try_upgrade,
}
"""Each leaves the cluster as it was, except for the tag of the last one."""


def _new_load(trial: ClusterTrial) -> ConstantLoad:
    return ConstantLoad(
        [trial.gateway],
        sample_bodies(),
        rate=_RATE,
        wait_s=_WAIT_S,
        host=_GATEWAY_HOST,
        repeat_broken_s=_REPEAT_S,
    )


def _judge_load(name: str, load: ConstantLoad) -> Check:
    more = f"; {load.repeated} sent again, {longest_gap_s(load.answers):.1f} s without a 200"
    return judge_statuses(name, load.said, is_typed_503, "200 or a typed 503", more)


def statuses_between(answers: Sequence[LoadAnswer], from_s: float, to_s: float) -> Counter[str]:
    """Count the statuses of requests that were sent in a span of monotonic seconds."""
    return Counter(answer.said for answer in answers if from_s <= answer.asked_s < to_s)


def longest_gap_s(answers: Sequence[LoadAnswer]) -> float:
    """Return the longest time without a 200, seconds."""
    ends = sorted(answer.asked_s + answer.took_s for answer in answers if answer.said == "200")
    return max((b - a for a, b in pairwise(ends)), default=float("inf"))


def is_typed_503(status_and_code: str) -> bool:
    """Return whether an answer is 503 with a code."""
    status, _, code = status_and_code.partition(" ")
    return status == "503" and code not in {"", "None"}


async def _websocket_status(url: str, host: str) -> str:
    """Open Streamlit's WebSocket as a browser at http://host would; return the status."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    head = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n"
    )
    writer.write(head.encode())
    try:
        return (await reader.readline()).decode("latin-1").split(" ")[1]
    finally:
        writer.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named trials in this order and print each check."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := set(given.trials) - set(TRIALS):
        parser.error(f"no trial is called {', '.join(sorted(unknown))}")
    given.log.parent.mkdir(parents=True, exist_ok=True)
    kubectl = shlex.split(os.environ.get("KUBECTL", "kubectl"))
    cluster = KubernetesNamespace(kubectl, _NAMESPACE, given.kill, given.log)
    try:
        cluster.run_kubectl("get", "--raw", "/readyz", "--request-timeout=10s")
        checks = [*run_trial("start", partial(start_overlay, cluster))]
        gateway = given.gateway or cluster.service_url("gateway")
        ui = given.ui or cluster.service_url("ui")
        trial = ClusterTrial(cluster, gateway, ui, given.next_tag, given.images)
        for name in given.trials or TRIALS:
            checks += run_trial(name, partial(TRIALS[name], trial))
    except (TrialError, TimeoutError, MissingImagesError) as error:
        print_lines(str(error) or type(error).__name__, f"Output of kubectl: {given.log}")
        return IMPOSSIBLE
    finally:
        if not given.keep:
            delete = ("delete", "namespace", _NAMESPACE, "--ignore-not-found")
            cluster.run_kubectl(*delete, may_fail=True)
    passed = has_passed(checks)
    print_lines(f"Kubernetes trial {'passed' if passed else 'FAILED'}")
    return 0 if passed else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"default: {' '.join(TRIALS)}")
    parser.add_argument(
        "--kill", default="", help="command that kills {container} of {pod} on {node}"
    )
    parser.add_argument("--next-tag", help="a second tag of the images, for the upgrade")
    parser.add_argument("--images", type=Path, help="folder of hostile images, for memory")
    parser.add_argument("--gateway", help="its address (the Service's cluster address)")
    parser.add_argument("--ui", help="its address, likewise")
    parser.add_argument("--keep", action="store_true", help="do not remove the namespace")
    parser.add_argument("--log", type=Path, default=_LOG)
    return parser


if __name__ == "__main__":
    sys.exit(main())
