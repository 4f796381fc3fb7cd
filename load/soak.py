"""`python -m load.soak --minutes 30`: exit 0 if the soak passed, 1 if not, 2 if impossible."""

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen

import httpx

from embedded.errors import EmbeddedError
from embedded.stack.record import broker_variables, running_settings
from embedded.stack.settings import StackSettings
from load.images import MissingImagesError, SampleImage, image_folder, read_images
from load.shapes import LoadShape
from load.soak_programs import (
    ROOT,
    LocustOptions,
    SoakError,
    StackProcesses,
    ensure_auditor,
    read_audit,
    read_requests,
    start_auditor,
    start_locust,
)
from load.verdict import (
    OBJECTIVE_S,
    Check,
    SoakCriteria,
    SoakObservations,
    has_passed,
    judge_soak,
    render_lines,
    render_page,
)
from shared.testing.load import measure_capacity

FAILED, IMPOSSIBLE = 1, 2
_RETRAIN_AT, _KILL_AT, _WARM_UP = 1 / 3, 1 / 2, 0.2
_SHARE, _CLIENTS = 0.6, 10
_CAPACITY_CLIENTS, _MAX_CAPACITY_S = 32, 15.0
_RUNS_PER_MEASUREMENT = 40  # a short soak measures its capacity for a fraction of its length
_SAMPLE_S = 2.0
_SETTLE_S = 2.0
_JOB_TIMEOUT_S = 180.0
_OVERTIME_S = 120.0
_HTTP_TIMEOUT_S = 10.0
_IN_PROGRESS = frozenset({"queued", "running", "evaluating"})
_UNITS = {"ms": 1e-3, "s": 1.0}
_OBJECTIVE = re.compile(r"99 ?% of predictions[^.\n]*?(\d+(?:\.\d+)?) ?(ms|s)\b")


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """share: of the measured capacity to load; 0: as many clients as `load` has.

    broker: variables that name Kafka. folder: of the report. warm_up_s: how long a process may
    grow after its start. key: the API key, if the gateway needs one.
    """

    load: LocustOptions
    share: float
    broker: Mapping[str, str]
    folder: Path
    warm_up_s: float
    kill_at_s: float | None
    criteria: SoakCriteria
    key: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak the running stack and write a report."""
    given = _parser().parse_args(arguments)
    try:
        settings = running_settings(StackSettings())
        broker = broker_variables(StackSettings())
    except EmbeddedError as error:
        _say(str(error))
        return IMPOSSIBLE
    folder = given.out or settings.data / "soak" / time.strftime("%Y-%m-%d-%H%M%S")
    folder.mkdir(parents=True, exist_ok=True)
    plan = _plan(given, settings, broker, folder)
    _say(f"{plan.load.shape} of {given.minutes:g} min at {plan.load.url} ...")
    try:
        checks = run_soak(plan, StackProcesses(settings), _say)
    except SoakError as error:
        _say(str(error))
        return IMPOSSIBLE
    amount = f"{plan.share:.0%} of capacity" if plan.share else f"{plan.load.clients} clients"
    what = f"{plan.load.shape}, {given.minutes:g} minutes, {amount}"
    (folder / "index.html").write_text(render_page(what, checks))
    passed = has_passed(checks)
    verdict = f"Soak {'passed' if passed else 'FAILED'}: {folder / 'index.html'}"
    _say("\n".join([*render_lines(checks), verdict]))
    return 0 if passed else FAILED


def run_soak(
    plan: SoakPlan, processes: StackProcesses, say: Callable[[str], None]
) -> Sequence[Check]:
    """Load the stack, watch it and judge it. Raises SoakError, if possible before the start."""
    try:
        images = read_images(image_folder())
    except MissingImagesError as error:
        raise SoakError(str(error)) from None
    ensure_auditor()
    headers = {"X-API-Key": plan.key} if plan.key else {}
    with httpx.Client(
        base_url=plan.load.url, headers=headers, timeout=_HTTP_TIMEOUT_S, trust_env=False
    ) as client:
        before = _jobs(client)
        if plan.share:
            plan = _at_share(plan, images, say)
        auditor = start_auditor(plan.broker, plan.load.run_s, plan.folder)
        locust = start_locust(plan.load, plan.folder)
        try:
            killed = _watch(plan, locust, processes, say)
            requests = read_requests(plan.folder)
            say("The load is over; the auditor reads to the end ...")
            audited = read_audit(auditor, plan.folder)
            jobs = _wait_for_jobs(client, set(before))
        finally:
            for process in (locust, auditor):
                if process.poll() is None:
                    process.terminate()
                    process.wait()
    processes.write_csv(plan.folder / "memory.csv")
    growths = processes.growths(plan.warm_up_s)
    found = SoakObservations(requests, growths, audited, jobs, processes.ended_names())
    return judge_soak(found, replace(plan.criteria, killed=killed))


def latency_objective_s(page: Path) -> float | None:
    """Return the objective for the p99 of predictions; None if the page is absent or has none."""
    found = _OBJECTIVE.search(page.read_text()) if page.is_file() else None
    return float(found[1]) * _UNITS[found[2]] if found else None


def _plan(
    given: argparse.Namespace, settings: StackSettings, broker: Mapping[str, str], folder: Path
) -> SoakPlan:
    run_s = round(given.minutes * 60)
    p99_s = given.p99 or latency_objective_s(ROOT / "docs" / "slo.md") or OBJECTIVE_S
    return SoakPlan(
        load=LocustOptions(
            url=given.url or f"http://127.0.0.1:{settings.gateway_port}",
            shape=given.shape,
            clients=given.clients or _CLIENTS,
            run_s=run_s,
            retrain_at_s=0.0 if given.no_retrain else run_s * _RETRAIN_AT,
        ),
        share=given.share if given.shape == LoadShape.SOAK and given.clients is None else 0.0,
        broker=broker,
        folder=folder,
        warm_up_s=run_s * _WARM_UP,
        kill_at_s=run_s * _KILL_AT if given.kill_worker else None,
        criteria=SoakCriteria(p99_s, retrained=not given.no_retrain, run_s=run_s),
        key=os.environ.get("PNEUMO_API_KEY") or os.environ.get("PNEUMO_KEY"),
    )


def _at_share(
    plan: SoakPlan, images: Sequence[SampleImage], say: Callable[[str], None]
) -> SoakPlan:
    """Measure the capacity, after as long a warm-up, and load a share of it."""
    seconds = min(_MAX_CAPACITY_S, plan.load.run_s / _RUNS_PER_MEASUREMENT)
    bodies = [image.body for image in images]
    capacity = asyncio.run(
        measure_capacity(
            plan.load.url,
            bodies,
            clients=_CAPACITY_CLIENTS,
            seconds=seconds,
            lead_s=seconds,
            key=plan.key,
        )
    )
    clients = round(capacity * plan.share)
    if not clients:
        raise SoakError(f"The stack answered no prediction in {seconds:g} s.")
    # The auditor looks back one second, which must not include the measurement.
    time.sleep(_SETTLE_S)
    say(f"Capacity {capacity:.0f} predictions/s; the load is {clients} per second ...")
    return replace(plan, load=replace(plan.load, clients=clients))


def _watch(
    plan: SoakPlan, locust: "Popen[bytes]", processes: StackProcesses, say: Callable[[str], None]
) -> Sequence[str]:
    """Sample memory until Locust ends; kill a worker when it is due and return its name."""
    killed: Sequence[str] = ()
    started_s = time.monotonic()
    kill_at_s = plan.kill_at_s
    while locust.poll() is None:
        elapsed_s = time.monotonic() - started_s
        if elapsed_s > plan.load.run_s + _OVERTIME_S:
            raise SoakError("Locust does not end; its log is in the report's folder.")
        processes.sample_memory(elapsed_s)
        if kill_at_s is not None and elapsed_s >= kill_at_s:
            worker = processes.kill_a_worker()
            killed = (worker,) if worker else ()
            say(f"Killed {worker or 'no worker: no embedded one runs'}.")
            kill_at_s = None
        time.sleep(_SAMPLE_S)
    return killed


def _wait_for_jobs(client: httpx.Client, before: set[str]) -> Mapping[str, str]:
    """Return the state of every new job, once all have ended or the time is over."""
    give_up_s = time.monotonic() + _JOB_TIMEOUT_S
    while True:
        new = {id_: state for id_, state in _jobs(client).items() if id_ not in before}
        if not _IN_PROGRESS & set(new.values()) or time.monotonic() > give_up_s:
            return new
        time.sleep(_SAMPLE_S)


def _jobs(client: httpx.Client) -> Mapping[str, str]:
    try:
        answer = client.get("/v1/jobs", params={"limit": 50}).raise_for_status()
    except httpx.HTTPError as error:
        raise SoakError(f"No stack answers at {client.base_url} ({error}): make up") from None
    return {job["id"]: job["state"] for job in answer.json()["jobs"]}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, help="predicting clients at the top")
    parser.add_argument(
        "--share", type=float, default=_SHARE, help="of capacity, where a soak names no clients"
    )
    parser.add_argument("--shape", choices=[*LoadShape], default=LoadShape.SOAK)
    parser.add_argument("--url", help="the gateway (the embedded stack's)")
    parser.add_argument("--p99", type=float, help="seconds (the objective of docs/slo.md)")
    parser.add_argument("--out", type=Path, help="folder of the report")
    parser.add_argument("--no-retrain", action="store_true", help="request no training")
    parser.add_argument("--kill-worker", action="store_true", help="kill one worker at half-time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
