"""The soak, told in order: check, start, watch, wait, judge."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen

import httpx

from load.images import MissingImagesError, Picture, folder_of, read_pictures
from load.soak.capacity import MOST_S, measure_capacity
from load.soak.processes import StackProcesses
from load.soak.programs import (
    Load,
    SoakError,
    demand_auditor,
    read_audit,
    read_requests,
    start_auditor,
    start_locust,
)
from load.soak.verdict import Check, Found, Wanted, judge

_SAMPLE_S = 2.0
_SETTLE_S = 2.0
_RUNS_A_MEASUREMENT = 40
"""A short soak measures its capacity shortly."""
_JOB_WAIT_S = 180.0
_OVERTIME_S = 120.0
_ASK_TIMEOUT_S = 10.0
_UNDER_WAY = frozenset({"queued", "running", "evaluating"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak is to be.

    share: of the measured capacity that is asked for; 0: as many clients as the load says.
    broker: the variables that name Kafka. folder: where the report will be.
    warm_up_s: how long a process may grow after its start.
    key: the API key, where the gateway wants one.
    """

    load: Load
    share: float
    broker: Mapping[str, str]
    folder: Path
    warm_up_s: float
    kill_at_s: float | None
    wanted: Wanted
    key: str | None = None


def soak(plan: Plan, processes: StackProcesses, say: Callable[[str], None]) -> Sequence[Check]:
    """Load the stack, watch it, and hold it against what is wanted.

    Raises SoakError, before anything starts where something is missing.
    """
    pictures = _demand_images()
    demand_auditor()
    with _new_client(plan) as client:
        before = _jobs(client)
        if plan.share:
            plan = _at_share(plan, pictures, say)
        auditor = start_auditor(plan.broker, plan.load.run_s, plan.folder)
        locust = start_locust(plan.load, plan.folder)
        try:
            killed = _watch(plan, locust, processes, say)
            requests = read_requests(plan.folder)
            say("The load is over; the auditor reads to the end ...")
            audited = read_audit(auditor, plan.folder)
            jobs = _wait_for_jobs(client, set(before))
        finally:
            _end(locust)
            _end(auditor)
    processes.write(plan.folder / "memory.csv")
    growths = processes.growths(plan.warm_up_s)
    found = Found(requests, growths, audited, jobs, processes.ended())
    return judge(found, replace(plan.wanted, killed=killed))


def _at_share(plan: Plan, pictures: Sequence[Picture], say: Callable[[str], None]) -> Plan:
    """Measure the capacity, and ask for a share of it."""
    seconds = min(MOST_S, plan.load.run_s / _RUNS_A_MEASUREMENT)
    images = [picture.body for picture in pictures]
    capacity = measure_capacity(plan.load.url, images, seconds=seconds, key=plan.key)
    clients = round(capacity * plan.share)
    if not clients:
        raise SoakError(f"The stack answered no prediction in {seconds:g} s.")
    # The auditor looks back a second: what was measured with is not to be among what it counts.
    time.sleep(_SETTLE_S)
    say(f"Capacity {capacity:.0f} predictions/s; now {clients} a second ...")
    return replace(plan, load=replace(plan.load, clients=clients))


def _demand_images() -> Sequence[Picture]:
    try:
        return read_pictures(folder_of())
    except MissingImagesError as error:
        raise SoakError(str(error)) from None


def _new_client(plan: Plan) -> httpx.Client:
    headers = {"X-API-Key": plan.key} if plan.key else {}
    return httpx.Client(
        base_url=plan.load.url, headers=headers, timeout=_ASK_TIMEOUT_S, trust_env=False
    )


def _watch(
    plan: Plan, locust: "Popen[bytes]", processes: StackProcesses, say: Callable[[str], None]
) -> Sequence[str]:
    """Sample memory until Locust ends, and kill a worker when it is due; give whom."""
    killed: Sequence[str] = ()
    started = time.monotonic()
    kill_at_s = plan.kill_at_s
    while locust.poll() is None:
        elapsed_s = time.monotonic() - started
        if elapsed_s > plan.load.run_s + _OVERTIME_S:
            raise SoakError("Locust does not end; its log is in the report's folder.")
        processes.sample(elapsed_s)
        if kill_at_s is not None and elapsed_s >= kill_at_s:
            worker = processes.kill_a_worker()
            killed = (worker,) if worker else ()
            say(f"Killed {worker or 'nobody: no embedded worker runs'}.")
            kill_at_s = None
        time.sleep(_SAMPLE_S)
    return killed


def _wait_for_jobs(client: httpx.Client, before: set[str]) -> Mapping[str, str]:
    """Give the state of every job that is new, once none is under way or the patience is over."""
    give_up = time.monotonic() + _JOB_WAIT_S
    while True:
        new = {id_: state for id_, state in _jobs(client).items() if id_ not in before}
        if not _UNDER_WAY & set(new.values()) or time.monotonic() > give_up:
            return new
        time.sleep(_SAMPLE_S)


def _jobs(client: httpx.Client) -> Mapping[str, str]:
    try:
        answer = client.get("/v1/jobs", params={"limit": 50})
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise SoakError(f"No stack answers at {client.base_url} ({error}): make up") from None
    return {job["id"]: job["state"] for job in answer.json()["jobs"]}


def _end(process: "Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        process.wait()
