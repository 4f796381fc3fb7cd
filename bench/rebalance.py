"""What clients notice of a worker more and a worker less: `python -m bench.rebalance`.

    .venv/bin/python -m bench.rebalance [--rounds 3] [--engines noop,openvino] [--share 0.5]

Starts a stack of its own, on free ports, once with workers without an engine that need 20 ms for
each image, and once with the model. At half of what two workers give, asked for at a constant rate
by clients that do not care how the others fare, it scales 2 → 3 → 2 and measures, from each command
until the group has settled and some seconds more: the longest time in which nobody was answered,
the longest that anybody waited, and what was not answered 200. The auditor judges in the end. Exits
with 1 if nobody was answered for more than 3 s, if a request failed, or if the auditor finds one
that was not answered.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from typing import Any

import uvloop

from bench.compare.systems import REPOSITORY
from bench.connections import Pool, new_request
from bench.overload import saturate
from bench.own_stack import OwnStack, own_stack
from embedded.ports import LOOPBACK

LONGEST_GAP_S = 3.0
ENGINES: Mapping[str, Mapping[str, str]] = {
    "noop": {"PNEUMO_WORKER_ENGINE": "noop", "PNEUMO_WORKER_SIMULATED_MS": "20"},
    "openvino": {"PNEUMO_WORKER_ENGINE": "openvino"},
}
_FOLDER = REPOSITORY / ".pneumo" / "bench-rebalance"
_WAIT_S = 10.0  # what a client has who does not say
_CAPACITY_CLIENTS = 32
_CAPACITY_S = 8.0
_STEADY_S = 5.0
_AFTERWARDS_S = 4.0
_AUDITED = "5m"


@dataclass(frozen=True, slots=True)
class Answer:
    """When it was time to ask, when the answer came (one clock, seconds), and its status."""

    due_s: float
    at_s: float
    status: int


@dataclass(frozen=True, slots=True)
class Step:
    """One change, or one quiet while. gap_s: nobody was answered; wait_s: the longest of anybody.

    seconds: that it was watched for. failed: answered anything but 200.
    """

    name: str
    seconds: float
    requests: int
    gap_s: float
    wait_s: float
    failed: int


def judge(name: str, answers: Sequence[Answer], begun_s: float, ended_s: float) -> Step:
    """Give what was noticed between two moments; wait and failures are those of who asked then."""
    good = sorted(a.at_s for a in answers if a.status == 200 and begun_s <= a.at_s < ended_s)
    asked = [a for a in answers if begun_s <= a.due_s < ended_s]
    return Step(
        name,
        ended_s - begun_s,
        len(asked),
        max(later - sooner for sooner, later in pairwise([begun_s, *good, ended_s])),
        max((a.at_s - a.due_s for a in asked), default=0.0),
        sum(a.status != 200 for a in asked),
    )


def table(rows: Sequence[tuple[int, Step]]) -> str:
    """Give the table in Markdown. rows: each step and its round."""
    lines = [
        "| round | step | watched | requests | nobody answered for | longest wait | failed |",
        "|---|---|---|---|---|---|---|",
    ]
    for turn, step in rows:
        figures = f"{step.requests} | {step.gap_s:.2f} s | {step.wait_s:.2f} s | {step.failed}"
        lines.append(f"| {turn} | {step.name} | {step.seconds:.1f} s | {figures} |")
    return "\n".join(lines)


def verdict(steps: Sequence[Step], audit: Mapping[str, Any]) -> list[str]:
    """Say what is wrong; nothing if all is well."""
    wrong = [
        f"{step.name}: nobody was answered for {step.gap_s:.2f} s"
        for step in steps
        if step.gap_s > LONGEST_GAP_S
    ]
    wrong += [f"{step.name}: {step.failed} requests failed" for step in steps if step.failed]
    if not audit["sound"] or audit["failed"] or audit["expired"] or audit["pending"]:
        wrong.append(f"the auditor says: {audit}")
    elif audit["accepted"] < sum(step.requests for step in steps):
        wrong.append(f"the auditor saw only {audit['accepted']} requests")
    return wrong


@dataclass
class Steady:
    """Asks at a constant rate, whether or not the last ones were answered.

    ask: gives the status of an answer. rate: requests a second.
    """

    ask: Callable[[], Awaitable[int]]
    rate: float
    answers: list[Answer] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop`, and return when the last has its answer."""
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        async with asyncio.TaskGroup() as tasks:
            for number in count():
                due_s = begun_s + number / self.rate
                await asyncio.sleep(max(0.0, due_s - now_s()))
                if stop.is_set():
                    break
                tasks.create_task(self._ask(due_s))

    async def _ask(self, due_s: float) -> None:
        status = await self.ask()
        self.answers.append(Answer(due_s, asyncio.get_running_loop().time(), status))


async def watch(stack: OwnStack, load: Steady, rounds: int) -> list[tuple[int, Step]]:
    """Scale up and down under load; what was noticed of each step, with its round."""
    now_s, stop = asyncio.get_running_loop().time, asyncio.Event()
    spans: list[tuple[int, str, float, float]] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run(stop))
        await asyncio.sleep(_STEADY_S)
        for turn in range(1, rounds + 1):
            begun_s = now_s()
            await asyncio.sleep(_STEADY_S)
            spans.append((turn, "steady", begun_s, now_s()))
            for name, workers in (("2 → 3", 3), ("3 → 2", 2)):
                begun_s = now_s()
                await stack.scale(workers)
                await stack.settle(workers)
                await asyncio.sleep(_AFTERWARDS_S)
                spans.append((turn, name, begun_s, now_s()))
        stop.set()
    return [(turn, judge(name, load.answers, *span)) for turn, name, *span in spans]


async def run(engine: str, rounds: int, share: float) -> list[str]:
    """Measure with one engine and print all; what is wrong."""
    async with own_stack(_FOLDER, workers=2, most=3, **ENGINES[engine]) as stack:
        pool = Pool(LOOPBACK, stack.gateway_port)
        image = REPOSITORY / "samples" / "bacterial-composite-1-224px.jpeg"
        request = new_request(image.read_bytes(), LOOPBACK, _WAIT_S)
        capacity = await saturate(pool, [request], _CAPACITY_CLIENTS, _CAPACITY_S)
        load = Steady(partial(pool.answer, request), share * capacity)
        rows = await watch(stack, load, rounds)
        pool.close()
        audit = await stack.audit(_AUDITED)
    print(f"\n{engine}: two workers give {capacity:.0f}/s; {share:.0%} of it asked for; ", end="")
    print(f"load average {os.getloadavg()[1]:.1f}\n")
    print(table(rows))
    print(f"\nthe auditor: {audit}", flush=True)
    return [f"{engine}, {wrong}" for wrong in verdict([step for _, step in rows], audit)]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--share", type=float, default=0.5, help="of what two workers give")
    options = parser.parse_args()
    if not (engines := options.engines.split(",")) or set(engines) - ENGINES.keys():
        parser.error(f"--engines: of {', '.join(ENGINES)}")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    wrong = [w for one in engines for w in uvloop.run(run(one, options.rounds, options.share))]
    print("\n" + ("\n".join(wrong) or "All bars are met."))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
