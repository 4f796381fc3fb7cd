"""What is tried, one story each: it starts a project, does something to it, and tells checks."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from load.compose.docker import Compose
from load.compose.learning import Taught, teach
from load.hostile import judge_answers, read_hostile_images, send_all
from load.images import SAMPLES, read_pictures
from load.soak.capacity import measure_capacity
from load.soak.verdict import Check
from shared.testing.load import Answer, Load, RawClient

Trial = Callable[[Compose], Sequence[Check]]

MOST_BYTES = {"pneumostream-gateway": 600_000_000, "pneumostream-inference-worker": 900_000_000}
"""What an image may weigh, uncompressed; of the others it is told."""

LEAST_GAIN = 2.0
"""How many times one worker's throughput three must have; 3 is linear."""

_RATE = 20
_WAIT_S = 40.0
_MEASURE_S = 10.0
_PAUSE_S = 5.0
_UNTIL_IT_IS_BACK = {"503 broker_unavailable", "503 overloaded", "504 deadline_exceeded"}


def serve(compose: Compose) -> Sequence[Check]:
    """Tell what the images weigh, how long a start takes, and what the first answer says."""
    began_s = time.monotonic()
    with compose.running(workers=1):
        answer = asyncio.run(_first_answer(compose))
        took_s = time.monotonic() - began_s
    weights = [_weight(image, size) for image, size in compose.images().items() if size]
    answered = Check(
        "first prediction", answer.said == "200", f"{answer.said}, {took_s:.0f} s", "200"
    )
    return [*weights, answered]


def _weight(image: str, size: int) -> Check:
    most = MOST_BYTES.get(image.split(":", maxsplit=1)[0])
    wanted = f"at most {most / 1e6:.0f} MB" if most else "told"
    return Check(
        f"image {image}", None if most is None else size <= most, f"{size / 1e6:.0f} MB", wanted
    )


def scale(compose: Compose) -> Sequence[Check]:
    """Measure one worker that takes 20 ms an image, scale to three under load, measure again."""
    compose = replace(compose, parts=[*compose.parts, "noop"])
    with compose.running(workers=1):
        alone = _throughput(compose)
        said = asyncio.run(_under_load(compose, lambda: compose.up(workers=3)))
        three = _throughput(compose)
        audited = _audited("scaled", compose.audit("--since", "10m"))
    gain = three / alone
    found = f"{alone:.1f}/s → {three:.1f}/s, {gain:.2f} times"
    throughput = Check("1 → 3 workers", gain >= LEAST_GAIN, found, f"at least {LEAST_GAIN:g} times")
    return [throughput, _said("answers while scaling", said, {}), audited]


def kill(compose: Compose) -> Sequence[Check]:
    """Kill one of two workers under load, and start it again."""
    with compose.running(workers=2):

        def fault() -> None:
            compose.kill_worker()
            time.sleep(3 * _PAUSE_S)  # the group learns of it after 6 s
            compose.up(workers=2)

        said = asyncio.run(_under_load(compose, fault))
        audited = _audited("worker killed", compose.audit("--since", "10m"))
    return [_said("answers around the kill", said, {"503 overloaded"}), audited]


def broker(compose: Compose) -> Sequence[Check]:
    """Restart Kafka under load."""
    with compose.running(workers=2):

        def fault() -> None:
            compose.run("restart", "kafka")
            compose.up(workers=2)

        said = asyncio.run(_under_load(compose, fault))
        audited = _audited("Kafka restarted", compose.audit("--since", "10m"))
    return [_said("answers around the restart", said, _UNTIL_IT_IS_BACK), audited]


def tls(compose: Compose) -> Sequence[Check]:
    """Predict over a Kafka that wants TLS and a password; who has neither is refused."""
    compose = replace(compose, parts=[*compose.parts, "tls"])
    with compose.running(workers=1):
        answer = asyncio.run(_first_answer(compose))
        audited = _audited("TLS", compose.audit("--since", "10m"))
        strangers = {
            name: compose.run("run", "--rm", "--no-deps", *env, "topics", may_fail=True)
            for name, env in {
                "without TLS": ("-e", "KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
                "wrong password": ("-e", "KAFKA_SASL_PASSWORD=wrong"),
            }.items()
        }
    let_in = [name for name, said in strangers.items() if "created" in said]
    return [
        Check("prediction over TLS and SASL", answer.said == "200", answer.said, "200"),
        Check("strangers let in", not let_in, ", ".join(let_in) or "none", "none"),
        audited,
    ]


def postgres(compose: Compose) -> Sequence[Check]:
    """Teach a system whose registry is on Postgres, restart both, and ask what it still knows."""
    compose = replace(compose, parts=[*compose.parts, "postgres"])
    with compose.running(workers=1):
        before = asyncio.run(teach(compose.url))
        compose.run("restart", "postgres", "registry")
        compose.up(workers=1)
        after = asyncio.run(Taught.ask(compose.url, before.job_id))
        answer = asyncio.run(_first_answer(compose))
    return [
        Check(
            "training",
            before.state == "succeeded",
            f"{before.state}, {before.took_s:.0f} s",
            "succeeded",
        ),
        Check(
            "known after the restart",
            after.known == before.known,
            f"{after.known}",
            f"{before.known}",
        ),
        Check("prediction after it", answer.said == "200", answer.said, "200"),
    ]


def memory(compose: Compose, *, folder: Path) -> Sequence[Check]:
    """Send the worst images, and see that the kernel ended no process for its memory."""
    images = read_hostile_images(folder)
    with compose.running(workers=2):
        checks = [judge_answers(asyncio.run(send_all(compose.url, images)))]
        for service in ("gateway", "inference-worker", "registry"):
            for name, use, was_killed in compose.memory_use(service):
                passed = not was_killed and use.oom_kills in {0, None}
                found = f"{use.oom_kills} processes, peak {use.words}"
                found += ", killed or started again" if was_killed else ""
                checks.append(Check(f"out of memory: {name}", passed, found, "none"))
        answer = asyncio.run(_first_answer(compose))
        audited = _audited("worst images", compose.audit("--since", "10m"))
    return [
        *checks,
        Check("prediction after it", answer.said == "200", answer.said, "200"),
        audited,
    ]


async def _first_answer(compose: Compose) -> Answer:
    client = RawClient(compose.url)
    try:
        return await client.predict(_bodies()[0], wait_s=_WAIT_S)
    finally:
        client.close()


def _throughput(compose: Compose) -> float:
    return measure_capacity(compose.url, _bodies(), seconds=_MEASURE_S)


async def _under_load(compose: Compose, fault: Callable[[], None]) -> Counter[str]:
    """Do it while predictions are asked for at a constant rate; count what was answered."""
    async with _loaded(compose) as load:
        await asyncio.sleep(_PAUSE_S)
        await asyncio.to_thread(fault)
        await asyncio.sleep(_PAUSE_S)
    return load.said


@asynccontextmanager
async def _loaded(compose: Compose) -> AsyncIterator[Load]:
    load = Load([compose.url], _bodies(), rate=_RATE, wait_s=_WAIT_S)
    async with load.running():
        yield load


def _bodies() -> Sequence[bytes]:
    return [picture.body for picture in read_pictures(SAMPLES)]


def _said(name: str, said: Counter[str], allowed: set[str] | dict[str, str]) -> Check:
    passed = said["200"] > 0 and set(said) <= {"200", *allowed}
    found = ", ".join(f"{count} × {words}" for words, count in said.most_common())
    return Check(name, passed, found, ", ".join(["200", *sorted(allowed)]))


def _audited(name: str, report: dict[str, Any]) -> Check:
    lost, contradicted = len(report["lost"]), len(report["contradicted"])
    found = (
        f"{report['accepted']} accepted, {lost} lost, {contradicted} contradicted, longest gap "
        f"{report['longest_gap_ms'] / 1e3:.1f} s"
    )
    sound = bool(report["sound"]) and report["accepted"] > 0
    return Check(f"audit, {name}", sound, found, "all answered")


TRIALS: dict[str, Trial] = {
    "serve": serve,
    "scale": scale,
    "kill": kill,
    "broker": broker,
    "tls": tls,
    "postgres": postgres,
}
