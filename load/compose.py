"""`python -m load.compose`: exit 0 if all trials passed, 1 if not, 2 if impossible.

    make compose-check TRIALS="serve kill" WITHOUT=grafana
    make compose-check TRIALS=memory HOSTILE=folder         hostile images, under the limits

Needs a Docker engine with Compose and the images of `docker compose build`. It starts projects of
its own, `pneumostream-check`, on free ports, one after another, and removes them and their data.
"""

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from embedded.ports import free_ports
from load.docker import ComposeProject
from load.hostile import judge_answers, read_hostile_images, send_hostile_images
from load.images import SAMPLES, MissingImagesError, read_images, vary_image
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
from shared.testing.load import ConstantLoad, measure_capacity

MAX_BYTES = {"pneumostream-gateway": 600_000_000, "pneumostream-inference-worker": 900_000_000}
"""Maximum size of an image, uncompressed; the other sizes are only reported."""

MIN_GAIN = 2.0
"""How many times one worker's throughput three must reach; 3 is linear."""

_PORTS = ("GATEWAY_PORT", "UI_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
_PASSWORDS = ("KAFKA_SASL_PASSWORD", "PNEUMO_POSTGRES_PASSWORD")
_RATE = 20
_WAIT_S = 40.0
_MEASURE_S = 10.0
_CAPACITY_CLIENTS = 32
_KILLED_S = 15.0  # the group notices a death after 6 s
_DURING_RESTART = {"503 broker_unavailable", "503 overloaded", "504 deadline_exceeded"}
_UPLOADS = 60
_LEARNING_S = 300.0
_POLL_S = 0.5
_ENDED = frozenset({"succeeded", "rejected", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class LearnedState:
    """What must survive a restart. images: size of the dataset."""

    job_state: str
    current_version: str
    images: int


def try_serving(compose: ComposeProject) -> Sequence[Check]:
    """Report the sizes of the images, the time of a start, and the first prediction."""
    began_s = time.monotonic()
    with compose.running(workers=1):
        answer = predict_once(compose.url, _WAIT_S)
        found = f"{answer.said}, {time.monotonic() - began_s:.0f} s"
    checks = [_judge_size(*pair) for pair in compose.image_sizes().items()]
    return [*checks, Check("first prediction", answer.said == "200", found, "200")]


def _judge_size(image: str, size: int) -> Check:
    maximum = MAX_BYTES.get(image.split(":", maxsplit=1)[0])
    wanted = f"at most {maximum / 1e6:.0f} MB" if maximum else "reported"
    passed = None if maximum is None else size <= maximum
    return Check(f"image {image}", passed, f"{size / 1e6:.0f} MB", wanted)


def try_scaling(compose: ComposeProject) -> Sequence[Check]:
    """Measure one worker that takes 20 ms per image, scale to three under load, measure again."""
    compose = replace(compose, parts=[*compose.parts, "noop"])
    with compose.running(workers=1):
        single = _measure_throughput(compose)
        load = _new_load(compose)
        load_during(load, partial(compose.start_services, workers=3))
        three = _measure_throughput(compose)
        audited = _judge_audit("scaled", compose)
    gain = three / single
    found = f"{single:.1f}/s → {three:.1f}/s, {gain:.2f} times"
    throughput = Check("1 → 3 workers", gain >= MIN_GAIN, found, f"at least {MIN_GAIN:g} times")
    return [throughput, _judge_load("answers while scaling", load, set()), audited]


def try_worker_kill(compose: ComposeProject) -> Sequence[Check]:
    """Kill one of two workers under load, and start it again."""

    def kill() -> None:
        compose.kill_worker()
        time.sleep(_KILLED_S)
        compose.start_services(workers=2)

    return _try_fault(compose, "worker killed", kill, {"503 overloaded"})


def try_broker_restart(compose: ComposeProject) -> Sequence[Check]:
    """Restart Kafka under load."""

    def restart() -> None:
        compose.run_compose("restart", "kafka")
        compose.start_services(workers=2)

    return _try_fault(compose, "Kafka restarted", restart, _DURING_RESTART)


def _try_fault(
    compose: ComposeProject, name: str, fault: Callable[[], None], allowed: set[str]
) -> Sequence[Check]:
    with compose.running(workers=2):
        load = _new_load(compose)
        load_during(load, fault)
        audited = _judge_audit(name, compose)
    return [_judge_load(f"answers, {name}", load, allowed), audited]


def try_tls(compose: ComposeProject) -> Sequence[Check]:
    """Predict over a Kafka with TLS and a password; clients without either are refused."""
    compose = replace(compose, parts=[*compose.parts, "tls"])
    with compose.running(workers=1):
        predicted = _judge_prediction(compose, "prediction over TLS and SASL")
        audited = _judge_audit("TLS", compose)
        clients = {
            name: compose.run_compose("run", "--rm", "--no-deps", *env, "topics", may_fail=True)
            for name, env in {
                "without TLS": ("-e", "KAFKA_SECURITY_PROTOCOL=PLAINTEXT"),
                "wrong password": ("-e", "KAFKA_SASL_PASSWORD=wrong"),
            }.items()
        }
    admitted = [name for name, printed in clients.items() if "created" in printed]
    refused = Check("strangers admitted", not admitted, ", ".join(admitted) or "none", "none")
    return [predicted, refused, audited]


def try_postgres(compose: ComposeProject) -> Sequence[Check]:
    """Train with a registry on Postgres, restart both, and compare the registry's state."""
    compose = replace(compose, parts=[*compose.parts, "postgres"])
    with compose.running(workers=1):
        job_id, before, took_s = asyncio.run(_upload_and_retrain(compose.url))
        compose.run_compose("restart", "postgres", "registry")
        compose.start_services(workers=1)
        after = asyncio.run(_read_state(compose.url, job_id))
        predicted = _judge_prediction(compose, "prediction after it")
    found, trained = f"{before.job_state}, {took_s:.0f} s", before.job_state == "succeeded"
    return [
        Check("training", trained, found, "succeeded"),
        Check("state after the restart", after == before, f"{after}", f"{before}"),
        predicted,
    ]


def try_memory(compose: ComposeProject, *, folder: Path) -> Sequence[Check]:
    """Send hostile images; the kernel must kill no process for its memory."""
    images = read_hostile_images(folder)
    with compose.running(workers=2):
        checks = [judge_answers(asyncio.run(send_hostile_images(compose.url, images)))]
        for service in ("gateway", "inference-worker", "registry"):
            for name, use, was_killed in compose.memory_use(service):
                passed = not was_killed and use.oom_kills in {0, None}
                found = f"{use}{', killed or restarted' if was_killed else ''}"
                checks.append(Check(f"out of memory: {name}", passed, found, "none"))
        checks.append(_judge_prediction(compose, "prediction after it"))
        checks.append(_judge_audit("hostile images", compose))
    return checks


TRIALS: Mapping[str, Callable[[ComposeProject], Sequence[Check]]] = {
    "serve": try_serving,
    "scale": try_scaling,
    "kill": try_worker_kill,
    "broker": try_broker_restart,
    "tls": try_tls,
    "postgres": try_postgres,
}


def _judge_prediction(compose: ComposeProject, name: str) -> Check:
    answer = predict_once(compose.url, _WAIT_S)
    return Check(name, answer.said == "200", answer.said, "200")


def _measure_throughput(compose: ComposeProject) -> float:
    measured = measure_capacity(
        compose.url,
        sample_bodies(),
        clients=_CAPACITY_CLIENTS,
        seconds=_MEASURE_S,
        lead_s=_MEASURE_S,
    )
    return asyncio.run(measured)


def _new_load(compose: ComposeProject) -> ConstantLoad:
    return ConstantLoad([compose.url], sample_bodies(), rate=_RATE, wait_s=_WAIT_S)


def _judge_load(name: str, load: ConstantLoad, allowed: set[str]) -> Check:
    wanted = ", ".join(["200", *sorted(allowed)])
    return judge_statuses(name, load.said, allowed.__contains__, wanted)


def _judge_audit(name: str, compose: ComposeProject) -> Check:
    report = compose.audit_requests()
    found = (
        f"{report['accepted']} accepted, {len(report['lost'])} lost, "
        f"{len(report['contradicted'])} contradicted, longest gap "
        f"{report['longest_gap_ms'] / 1e3:.1f} s"
    )
    is_sound = bool(report["sound"]) and report["accepted"] > 0
    return Check(f"audit, {name}", is_sound, found, "all answered")


async def _upload_and_retrain(url: str) -> tuple[str, LearnedState, float]:
    """Upload varied samples, train, wait; return job, state, and seconds. Raises TimeoutError."""
    rng = random.Random(0)  # noqa: S311  images, no secrets
    samples = read_images(SAMPLES)
    async with _new_client(url) as client, asyncio.timeout(_LEARNING_S):
        for n in range(_UPLOADS):
            sample = samples[n % len(samples)]
            files = [("files", (f"{n}.jpeg", vary_image(sample, rng), "image/jpeg"))]
            sent = await client.post("/v1/uploads", data={"label": sample.label}, files=files)
            sent.raise_for_status()
        await _poll_until(client, "/v1/dataset", lambda dataset: dataset["total"] >= _UPLOADS)
        began_s = time.monotonic()
        job_id = str((await client.post("/retrain")).raise_for_status().json()["id"])
        job = await _poll_until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] in _ENDED)
        took_s = time.monotonic() - began_s
        if job["state"] == "succeeded":
            wanted = job["model_version"]
            await _poll_until(client, "/v1/models/current", lambda m: m["version"] == wanted)
    return job_id, await _read_state(url, job_id), took_s


async def _read_state(url: str, job_id: str) -> LearnedState:
    paths = (f"/v1/jobs/{job_id}", "/v1/models/current", "/v1/dataset")
    async with _new_client(url) as client:
        job, model, dataset = [(await client.get(p)).raise_for_status().json() for p in paths]
    return LearnedState(job["state"], model["version"], dataset["total"])


async def _poll_until(
    client: httpx.AsyncClient, path: str, is_done: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    while not is_done(body := (await client.get(path)).raise_for_status().json()):  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)
    return dict(body)


def _new_client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=60, trust_env=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named trials in this order and print each check."""
    given = _parser().parse_args(arguments)
    given.log.parent.mkdir(parents=True, exist_ok=True)
    variables = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
    variables |= {name: secrets.token_hex(16) for name in _PASSWORDS}
    compose = ComposeProject(given.log, variables, frozenset(given.without))
    checks: list[Check] = []
    try:
        compose.run_compose("config", "--quiet")
        for name in given.trials or TRIALS:
            checks += run_trial(name, partial(find_trial(name, given.images), compose))
    except (TrialError, MissingImagesError, TimeoutError) as error:
        print_lines(str(error) or type(error).__name__, f"Output of Docker: {given.log}")
        return IMPOSSIBLE
    passed = has_passed(checks)
    print_lines(f"Compose check {'passed' if passed else 'FAILED'}")
    return 0 if passed else FAILED


def find_trial(name: str, images: Path | None) -> Callable[[ComposeProject], Sequence[Check]]:
    """Return a trial by its name. Raises MissingImagesError if it lacks hostile images."""
    if name != "memory":
        return TRIALS[name]
    if images is None:
        raise MissingImagesError("The trial memory needs --images, a folder of hostile images.")
    return partial(try_memory, folder=images)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help="default: all")
    parser.add_argument("--without", nargs="*", default=[], help="services that are not started")
    parser.add_argument(
        "--images", type=Path, help="folder of hostile images, for the trial memory"
    )
    parser.add_argument("--log", type=Path, default=ROOT / "build" / "compose-check.log")
    return parser


if __name__ == "__main__":
    sys.exit(main())
