"""What clients notice of one more worker and one less: `python -m bench.rebalance`.

    .venv/bin/python -m bench.rebalance [--rounds 3] [--engines noop,openvino] [--share 0.5]

Starts a stack of its own on free ports, once with workers without an engine that need 20 ms per
image, and once with the model. Under an open loop of half the capacity of two workers it scales
2 → 3 → 2 and measures, from each command until the group has settled and some seconds more: the
longest time without an answer, the longest wait, and what was not answered 200. The auditor judges
at the end. Exits with 1 if there was no answer for more than 3 s, if a request failed, or if the
auditor finds one without an outcome.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import uvloop

from bench.benchmark_stack import BenchmarkStack, benchmark_stack
from bench.compare.systems import REPOSITORY
from embedded.ports import LOOPBACK
from shared.testing.http import HttpPool, new_prediction_request
from shared.testing.load import measure_capacity, run_open_loop

LONGEST_GAP_S = 3.0
ENGINES: Mapping[str, Mapping[str, str]] = {
    "noop": {"PNEUMO_WORKER_ENGINE": "noop", "PNEUMO_WORKER_SIMULATED_MS": "20"},
    "openvino": {"PNEUMO_WORKER_ENGINE": "openvino"},
}
_FOLDER = REPOSITORY / ".pneumo" / "bench-rebalance"
_IMAGE = REPOSITORY / "samples" / "bacterial-composite-1-224px.jpeg"
_WAIT_S = 10.0  # the default of a client
_CAPACITY_CLIENTS = 32
_CAPACITY_S, _CAPACITY_LEAD_S = 8.0, 5.0
_STEADY_S = 5.0
_AFTERWARDS_S = 4.0
_AUDITED = "5m"


@dataclass(frozen=True, slots=True)
class TimedStatus:
    """When a request was due, when its answer came (one clock, seconds), and its status."""

    due_s: float
    at_s: float
    status: int


@dataclass(frozen=True, slots=True)
class RebalanceStep:
    """One change, or a steady time. gap_s: without an answer; wait_s: the longest of a request.

    seconds: length of the observation. failed: answered anything but 200.
    """

    name: str
    seconds: float
    requests: int
    gap_s: float
    wait_s: float
    failed: int


def judge_step(
    name: str, answers: Sequence[TimedStatus], begun_s: float, ended_s: float
) -> RebalanceStep:
    """Judge the time between two moments; wait and failures are of requests due in it."""
    good = sorted(a.at_s for a in answers if a.status == 200 and begun_s <= a.at_s < ended_s)
    due = [a for a in answers if begun_s <= a.due_s < ended_s]
    return RebalanceStep(
        name,
        ended_s - begun_s,
        len(due),
        max(later - sooner for sooner, later in pairwise([begun_s, *good, ended_s])),
        max((a.at_s - a.due_s for a in due), default=0.0),
        sum(a.status != 200 for a in due),
    )


def render_steps(rows: Sequence[tuple[int, RebalanceStep]]) -> str:
    """Return a Markdown table. rows: each step and its round."""
    lines = [
        "| round | step | watched | requests | longest gap | longest wait | failed |",
        "|---|---|---|---|---|---|---|",
    ]
    for turn, step in rows:
        figures = f"{step.requests} | {step.gap_s:.2f} s | {step.wait_s:.2f} s | {step.failed}"
        lines.append(f"| {turn} | {step.name} | {step.seconds:.1f} s | {figures} |")
    return "\n".join(lines)


def find_faults(steps: Sequence[RebalanceStep], audit: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each bar that is missed."""
    faults = [
        f"{step.name}: no answer for {step.gap_s:.2f} s"
        for step in steps
        if step.gap_s > LONGEST_GAP_S
    ]
    faults += [f"{step.name}: {step.failed} requests failed" for step in steps if step.failed]
    if not audit["sound"] or audit["failed"] or audit["expired"] or audit["pending"]:
        faults.append(f"the auditor reports: {audit}")
    elif audit["accepted"] < sum(step.requests for step in steps):
        faults.append(f"the auditor counted only {audit['accepted']} requests")
    return faults


async def scale_under_load(
    stack: BenchmarkStack, pool: HttpPool, rate: float, rounds: int
) -> list[tuple[int, RebalanceStep]]:
    """Scale up and down under an open loop; return each step with its round."""
    request = new_prediction_request(_IMAGE.read_bytes(), LOOPBACK, _WAIT_S)
    answers: list[TimedStatus] = []
    spans: list[tuple[int, str, float, float]] = []
    stop = asyncio.Event()

    async def send(_: int, due_s: float) -> None:
        try:
            status = (await pool.exchange(request)).status
        except OSError:
            status = 0
        answers.append(TimedStatus(due_s, time.monotonic(), status))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_open_loop(send, rate, stop))
        await asyncio.sleep(_STEADY_S)
        for turn in range(1, rounds + 1):
            begun_s = time.monotonic()
            await asyncio.sleep(_STEADY_S)
            spans.append((turn, "steady", begun_s, time.monotonic()))
            for name, workers in (("2 → 3", 3), ("3 → 2", 2)):
                begun_s = time.monotonic()
                await stack.scale(workers)
                await stack.settle(workers)
                await asyncio.sleep(_AFTERWARDS_S)
                spans.append((turn, name, begun_s, time.monotonic()))
        stop.set()
    return [(turn, judge_step(name, answers, *span)) for turn, name, *span in spans]


async def measure_engine(engine: str, rounds: int, share: float) -> list[str]:
    """Measure with one engine and print all; return the faults."""
    async with benchmark_stack(_FOLDER, workers=2, most=3, **ENGINES[engine]) as stack:
        capacity = await measure_capacity(
            stack.url,
            [_IMAGE.read_bytes()],
            clients=_CAPACITY_CLIENTS,
            seconds=_CAPACITY_S,
            lead_s=_CAPACITY_LEAD_S,
        )
        pool = HttpPool(stack.url)
        rows = await scale_under_load(stack, pool, share * capacity, rounds)
        pool.close()
        audit = await stack.audit(_AUDITED)
    print(f"\n{engine}: capacity of two workers {capacity:.0f}/s; load {share:.0%} of it; ", end="")
    print(f"load average {os.getloadavg()[1]:.1f}\n\n{render_steps(rows)}")
    print(f"\nauditor: {audit}", flush=True)
    return [f"{engine}, {fault}" for fault in find_faults([step for _, step in rows], audit)]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--share", type=float, default=0.5, help="of the capacity of two workers")
    options = parser.parse_args()
    if not (engines := options.engines.split(",")) or set(engines) - ENGINES.keys():
        parser.error(f"--engines: of {', '.join(ENGINES)}")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    faults = [
        fault
        for engine in engines
        for fault in uvloop.run(measure_engine(engine, options.rounds, options.share))
    ]
    print("\n" + ("\n".join(faults) or "All bars are met."))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
