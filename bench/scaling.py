"""How throughput grows with workers that each take a fixed time: `python -m bench.scaling`.

    .venv/bin/python -m bench.scaling [--rounds 3] [--seconds 10] [--clients 256]

Starts a stack of its own on free ports. Its workers have no engine and need 20 ms per image (not
per batch), so that keys, partitions and the assignor are measured, not the machine's cores. A
closed loop of the same number of clients saturates 1, 2, 4 and 8 workers, up and down in turn.
Prints the median of the rounds, its ratio to linear growth, and the maximum that the number of
partitions allows. Exits with 1 if a ratio is below 0.9, or if a status is not 200.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import psutil
import uvloop

from bench.benchmark_stack import BenchmarkStack, benchmark_stack
from bench.compare.systems import REPOSITORY
from embedded.ports import LOOPBACK
from shared.contracts.topics import PREDICT_REQUESTS
from shared.testing.http import HttpPool, new_prediction_request
from shared.testing.load import measure_closed_loop

LADDER = (1, 2, 4, 8)
MIN_RATIO = 0.9
SERVICE_MS = 20
_IMAGE = REPOSITORY / "samples" / "bacterial-composite-1-224px.jpeg"
_FOLDER = REPOSITORY / ".pneumo" / "bench-scaling"
_WAIT_S = 60.0  # with one worker queues are long, and no request may be refused for them
_LEAD_S = 3.0


@dataclass(frozen=True, slots=True)
class ScalingCell:
    """One measurement. cpu: busy share of the machine's cores, 0 to 1."""

    workers: int
    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class ScalingRow:
    """The rounds of one number of workers. ratio: to so many times one worker's median."""

    workers: int
    rates: tuple[float, ...]
    ratio: float
    cpu: float

    @property
    def rate(self) -> float:
        """The median of the rounds, requests per second."""
        return statistics.median(self.rates)


def summarise_cells(cells: Sequence[ScalingCell]) -> list[ScalingRow]:
    """Return a row per number of workers. Raises StatisticsError without one of 1 worker."""
    single = statistics.median(cell.rate for cell in cells if cell.workers == 1)
    rows = []
    for workers, group in groupby(sorted(cells, key=lambda c: c.workers), lambda c: c.workers):
        same = list(group)
        rates = tuple(cell.rate for cell in same)
        ratio = statistics.median(rates) / (workers * single)
        rows.append(ScalingRow(workers, rates, ratio, statistics.median(c.cpu for c in same)))
    return rows


def ladder_order(rounds: int) -> list[int]:
    """Return the numbers of workers in the order of measurement: up, down, up, ..."""
    return [n for turn in range(rounds) for n in (LADDER if turn % 2 == 0 else LADDER[::-1])]


def even_share(partitions: int, workers: int) -> float:
    """Return the maximum ratio, (0 to 1]: the worker with the most partitions is full first."""
    return partitions / (workers * -(-partitions // workers))


def render_rows(rows: Sequence[ScalingRow]) -> str:
    """Return a Markdown table. partitions: the maximum of the ratio that their number allows."""
    lines = [
        "| workers | requests/s (each round) | ratio to linear | partitions | CPU busy |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        rounds = ", ".join(f"{rate:.1f}" for rate in row.rates)
        even = even_share(PREDICT_REQUESTS.partitions, row.workers)
        figures = f"{row.ratio:.3f} | {even:.3f} | {row.cpu:.0%}"
        lines.append(f"| {row.workers} | {row.rate:.1f} ({rounds}) | {figures} |")
    return "\n".join(lines)


async def measure_cell(
    stack: BenchmarkStack, workers: int, clients: int, seconds: float
) -> ScalingCell:
    """Scale, wait until the group has settled, saturate. Raises ExceptionGroup."""
    await stack.scale(workers)
    await stack.settle(workers)
    pool = HttpPool(stack.url)
    request = new_prediction_request(_IMAGE.read_bytes(), LOOPBACK, _WAIT_S)
    cpu: list[float] = []

    async def ask(_: int) -> bytes:
        if (reply := await pool.exchange(request)).status != 200:
            raise ValueError(f"{workers} workers: HTTP {reply.status}")
        return reply.body

    sample = await measure_closed_loop(
        [ask] * clients,
        seconds,
        lead_s=_LEAD_S,
        on_event=lambda _: cpu.append(psutil.cpu_percent() / 100),
    )
    pool.close()
    return ScalingCell(workers, sample.rate, cpu[-1])


async def measure_scaling(rounds: int, clients: int, seconds: float) -> bool:
    """Measure all, print all; return whether the bar is met."""
    workers = {"PNEUMO_WORKER_ENGINE": "noop", "PNEUMO_WORKER_SIMULATED_MS": str(SERVICE_MS)}
    cells = []
    async with benchmark_stack(_FOLDER, workers=LADDER[0], most=LADDER[-1], **workers) as stack:
        for number in ladder_order(rounds):
            cells.append(await measure_cell(stack, number, clients, seconds))
            print(f"{number} workers: {cells[-1].rate:.1f}/s", flush=True)
    rows = summarise_cells(cells)
    print(
        f"\n{clients} clients, {SERVICE_MS} ms per image, load average {os.getloadavg()[2]:.1f}\n"
    )
    print(render_rows(rows))
    return all(row.ratio >= MIN_RATIO for row in rows)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    _FOLDER.mkdir(parents=True, exist_ok=True)
    is_met = uvloop.run(measure_scaling(options.rounds, options.clients, options.seconds))
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
