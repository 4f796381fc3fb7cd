"""What is tried on a cluster: each trial leaves it as it was, but for the last one's tag."""

import asyncio
import base64
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx

from load.cluster.kubectl import Cluster
from load.hostile import judge_answers, read_hostile_images, send_all
from load.images import SAMPLES, read_pictures
from load.soak.verdict import Check
from shared.testing.load import Answer, Load, RawClient

OVERLAY = Path(__file__).parents[2] / "deploy" / "k8s" / "overlays" / "try"
START_S = 60.0
"""From Kafka's being Available until every Deployment is, at most."""

REFUSED_SHARE = 0.01
"""Of the requests that were sent while one of two workers was gone, at most."""

_RATE = 10
_WAIT_S = 10.0
_PAUSE_S = 5.0
_LEAST_GONE_S = 15.0
"""The group learns of a death after its session, 6 s; a container may be back before."""
_REPEAT_S = 5.0
_WORKER_KILLS = 3
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried, and where. gateway, ui: addresses that are reachable from here.

    next_tag: a second tag of the images, for the upgrade. images: a folder of hostile images.
    """

    cluster: Cluster
    gateway: str
    ui: str
    next_tag: str | None
    images: Path | None

    @property
    def gateway_host(self) -> str:
        """Give the name that a client in the cluster calls the gateway by."""
        return "gateway"

    @property
    def ui_host(self) -> str:
        """Give the name that a browser calls the UI by."""
        return f"ui.{self.cluster.namespace}"


Trial = Callable[[Setting], Sequence[Check]]


def start(cluster: Cluster) -> Sequence[Check]:
    """Apply the overlay as committed and wait until everything is Available."""
    began_s = time.monotonic()
    cluster.apply(OVERLAY)
    cluster.wait_available("kafka", timeout_s=_PATIENCE_S)
    broker_s = time.monotonic()
    cluster.wait_available(timeout_s=_PATIENCE_S)
    ended_s = time.monotonic()
    found = f"{ended_s - broker_s:.0f} s after Kafka, {ended_s - began_s:.0f} s after apply"
    return [
        Check("all Available", ended_s - broker_s <= START_S, found, f"at most {START_S:.0f} s")
    ]


def predict(setting: Setting) -> Sequence[Check]:
    """Ask for one prediction through the Service."""
    answer = asyncio.run(_one_answer(setting))
    found = f"{answer.said}, {answer.took_s * 1e3:.0f} ms"
    return [Check("prediction through the Service", answer.said == "200", found, "200")]


def ui(setting: Setting) -> Sequence[Check]:
    """Open the UI's page and its WebSocket by the host name; another name gets no WebSocket."""
    page = httpx.get(setting.ui, headers={"Host": setting.ui_host}, timeout=30, trust_env=False)
    sockets = {
        name: asyncio.run(_websocket_status(setting.ui, name))
        for name in (setting.ui_host, "elsewhere.example.org")
    }
    return [
        Check(f"page at {setting.ui_host}", page.is_success, str(page.status_code), "200"),
        Check(f"WebSocket at {setting.ui_host}", sockets[setting.ui_host] == "101",
              sockets[setting.ui_host], "101"),
        Check("WebSocket at another name", sockets["elsewhere.example.org"] == "403",
              sockets["elsewhere.example.org"], "403"),
    ]  # fmt: skip


def kill(setting: Setting) -> Sequence[Check]:
    """SIGKILL a container of each kind at 10 requests a second, with two gateways and workers."""
    if not setting.cluster.kill:
        return [Check("SIGKILL", None, "not tried", "--kill names how a container is killed")]
    for name in ("gateway", "inference-worker"):
        setting.cluster.scale(name, 2, timeout_s=_PATIENCE_S)
    checks = _worker_killed(setting)
    for name in ("gateway", "registry", "kafka"):
        load, gone = asyncio.run(_under_load(setting, partial(_killed, setting, name)))
        checks.append(_answered(f"{name} killed, {gone[1] - gone[0]:.0f} s until ready", load))
    for name in ("gateway", "inference-worker"):
        setting.cluster.scale(name, 1, timeout_s=_PATIENCE_S)
    return checks


def _worker_killed(setting: Setting) -> list[Check]:
    checks, meanwhile = [], Counter[str]()
    for n in range(1, _WORKER_KILLS + 1):
        load, gone = asyncio.run(
            _under_load(setting, partial(_killed, setting, "inference-worker"))
        )
        meanwhile += said_between(load.answers, *gone)
        name = f"worker killed ({n}), {gone[1] - gone[0]:.0f} s until ready"
        checks.append(_answered(name, load))
    refused = sum(n for words, n in meanwhile.items() if words.startswith("503"))
    share = refused / max(1, meanwhile.total())
    found = f"{refused} of {meanwhile.total()}, {share:.1%}"
    wanted = f"at most {REFUSED_SHARE:.0%}"
    return [*checks, Check("refused while a worker is gone", share <= REFUSED_SHARE, found, wanted)]


def _killed(setting: Setting, workload: str) -> tuple[float, float]:
    killed_s, ready_s = setting.cluster.kill_one(workload, _PATIENCE_S)
    time.sleep(max(0.0, killed_s + _LEAST_GONE_S - ready_s))
    return killed_s, max(ready_s, killed_s + _LEAST_GONE_S)


def upgrade(setting: Setting) -> Sequence[Check]:
    """Apply the overlay with another image tag, under load."""
    if setting.next_tag is None:
        return [Check("image tag changed by apply", None, "not tried", "--next-tag names a tag")]
    tag = setting.next_tag

    def change() -> tuple[float, float]:
        began_s = time.monotonic()
        setting.cluster.apply(OVERLAY, tag=tag)
        setting.cluster.wait_rolled_out(_PATIENCE_S)
        return began_s, time.monotonic()

    load, (began_s, ended_s) = asyncio.run(_under_load(setting, change))
    return [_answered(f"image tag changed by apply, {ended_s - began_s:.0f} s", load)]


def memory(setting: Setting) -> Sequence[Check]:
    """Send the worst images, and see that the kernel ended no process for its memory."""
    if setting.images is None:
        return [Check("memory limits", None, "not tried", "--images names a folder")]
    images = read_hostile_images(setting.images)
    said = asyncio.run(send_all(setting.gateway, images, host=setting.gateway_host))
    checks = [judge_answers(said)]
    for workload in ("gateway", "inference-worker", "registry"):
        for container in setting.cluster.containers(workload):
            use = setting.cluster.memory_use(container)
            passed = not container.was_out_of_memory and use.oom_kills in {0, None}
            found = f"{use.oom_kills} processes, peak {use.words}, {container.restarts} restarts"
            checks.append(Check(f"out of memory: {container.pod}", passed, found, "none"))
    return [*checks, *predict(setting)]


async def _one_answer(setting: Setting) -> Answer:
    client = RawClient(setting.gateway, host=setting.gateway_host)
    try:
        return await client.predict(_bodies()[0], wait_s=_WAIT_S)
    finally:
        client.close()


async def _websocket_status(url: str, host: str) -> str:
    """Ask for Streamlit's WebSocket as a browser at http://host would; give the status."""
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


async def _under_load(
    setting: Setting, change: Callable[[], tuple[float, float]]
) -> tuple[Load, tuple[float, float]]:
    load = Load(
        [setting.gateway],
        _bodies(),
        rate=_RATE,
        wait_s=_WAIT_S,
        host=setting.gateway_host,
        repeat_broken_s=_REPEAT_S,
    )
    async with load.running():
        await asyncio.sleep(_PAUSE_S)
        span = await asyncio.to_thread(change)
        await asyncio.sleep(_PAUSE_S)
    return load, span


def said_between(answers: Sequence[Answer], from_s: float, to_s: float) -> Counter[str]:
    """Count the answers to the requests that were sent in a span of monotonic seconds."""
    return Counter(answer.said for answer in answers if from_s <= answer.asked_s < to_s)


def longest_gap_s(answers: Sequence[Answer]) -> float:
    """Return the longest time without a 200, seconds."""
    ends = sorted(answer.asked_s + answer.took_s for answer in answers if answer.said == "200")
    return max((b - a for a, b in pairwise(ends)), default=float("inf"))


def _answered(name: str, load: Load) -> Check:
    said = load.said
    passed = said["200"] > 0 and all(words == "200" or is_typed_503(words) for words in said)
    found = ", ".join(f"{count} × {words}" for words, count in said.most_common())
    found += f"; {load.repeated} sent again, {longest_gap_s(load.answers):.1f} s without a 200"
    return Check(name, passed, found, "200 or a typed 503")


def is_typed_503(words: str) -> bool:
    """Tell whether an answer is 503 with a code."""
    status, _, code = words.partition(" ")
    return status == "503" and code not in {"", "None"}


def _bodies() -> Sequence[bytes]:
    return [picture.body for picture in read_pictures(SAMPLES)]


TRIALS: Mapping[str, Trial] = {
    "predict": predict,
    "ui": ui,
    "kill": kill,
    "memory": memory,
    "upgrade": upgrade,
}
