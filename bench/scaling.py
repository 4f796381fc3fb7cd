"""How throughput grows with workers that each take a fixed time: `python -m bench.scaling`.

    .venv/bin/python -m bench.scaling [--rounds 3] [--seconds 10] [--clients 256]

Starts a stack of its own, on free ports. Its workers have no engine and need 20 ms for each image
(not for each batch), so that what is measured is how evenly keys, partitions and the assignor
spread work, not the machine's cores. Clients that ask again as soon as they are answered keep it
saturated, the same number at 1, 2, 4 and 8 workers, up and down the ladder in turn. Prints the
median of the rounds, its ratio to so many times one worker's, and what that ratio could be at
most. Exits with 1 if a ratio is below 0.9, or if anything but 200 is answered.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import uvloop

from bench.compare.closed_loop import measure
from bench.compare.systems import REPOSITORY
from bench.connections import Pool, new_request
from bench.own_stack import OwnStack, own_stack
from bench.scaling_ceiling import closed_loop_share, even_share
from embedded.ports import LOOPBACK
from shared.contracts.topics import PREDICT_REQUESTS

LADDER = (1, 2, 4, 8)
LEAST_RATIO = 0.9
SERVICE_MS = 20
_IMAGE = REPOSITORY / "samples" / "bacterial-composite-1-224px.jpeg"
_FOLDER = REPOSITORY / ".pneumo" / "bench-scaling"
_WAIT_S = 60.0  # with one worker there are long queues, and nobody is to be refused for them
_LEAD_S = 3.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement. cpu: share of the machine's cores that was busy meanwhile, 0 to 1."""

    workers: int
    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """The rounds of one number of workers. ratio: to so many times one worker's median."""

    workers: int
    rates: tuple[float, ...]
    ratio: float
    cpu: float

    @property
    def rate(self) -> float:
        """The median of the rounds, requests a second."""
        return statistics.median(self.rates)


def summarise(cells: Sequence[Cell]) -> list[Row]:
    """Give a row for each number of workers. Raises StatisticsError without one of 1 worker."""
    rates: dict[int, list[float]] = {}
    for cell in cells:
        rates.setdefault(cell.workers, []).append(cell.rate)
    alone = statistics.median(rates.get(1, ()))
    return [
        Row(
            workers,
            tuple(found),
            statistics.median(found) / (workers * alone),
            statistics.median(cell.cpu for cell in cells if cell.workers == workers),
        )
        for workers, found in sorted(rates.items())
    ]


def ladders(rounds: int) -> list[int]:
    """Give the numbers of workers in the order they are measured: up, down, up, ..."""
    return [n for turn in range(rounds) for n in (LADDER if turn % 2 == 0 else LADDER[::-1])]


def table(rows: Sequence[Row], clients: int) -> str:
    """Give the table in Markdown.

    at most: what keys, partitions and so many clients allow. partitions: what those alone allow.
    """
    partitions = PREDICT_REQUESTS.partitions
    lines = [
        "| workers | requests/s (each round) | ratio to linear | at most | partitions | CPU busy |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        rounds = ", ".join(f"{rate:.1f}" for rate in row.rates)
        most = closed_loop_share(partitions, row.workers, clients)
        even = even_share(partitions, row.workers)
        figures = f"{row.ratio:.3f} | {most:.3f} | {even:.3f} | {row.cpu:.0%}"
        lines.append(f"| {row.workers} | {row.rate:.1f} ({rounds}) | {figures} |")
    return "\n".join(lines)


async def measure_cell(stack: OwnStack, workers: int, clients: int, seconds: float) -> Cell:
    """Scale, wait until the group has settled, saturate. Raises what asking raises."""
    await stack.scale(workers)
    await stack.settle(workers)
    pool = Pool(LOOPBACK, stack.gateway_port)
    request = new_request(_IMAGE.read_bytes(), LOOPBACK, _WAIT_S)
    cpu: list[float] = []

    async def ask(_: int) -> bytes:
        if (status := await pool.answer(request)) != 200:
            raise ValueError(f"{workers} workers: HTTP {status}")
        return b""

    def note_cpu(_: str) -> None:
        cpu.append(psutil.cpu_percent() / 100)

    sample = await measure([ask] * clients, seconds, note_cpu, lead_s=_LEAD_S)
    pool.close()
    return Cell(workers, sample.requests / sample.seconds, cpu[-1])


async def run(rounds: int, clients: int, seconds: float) -> bool:
    """Measure all, print all; whether the bar is met."""
    workers = {"PNEUMO_WORKER_ENGINE": "noop", "PNEUMO_WORKER_SIMULATED_MS": str(SERVICE_MS)}
    cells = []
    async with own_stack(_FOLDER, workers=LADDER[0], most=LADDER[-1], **workers) as stack:
        for count in ladders(rounds):
            cells.append(await measure_cell(stack, count, clients, seconds))
            print(f"{count} workers: {cells[-1].rate:.1f}/s", flush=True)
    rows = summarise(cells)
    print(f"\n{clients} clients, {SERVICE_MS} ms an image, load average {os.getloadavg()[2]:.1f}\n")
    print(table(rows, clients))
    return all(row.ratio >= LEAST_RATIO for row in rows)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    _FOLDER.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if uvloop.run(run(options.rounds, options.clients, options.seconds)) else 1)


if __name__ == "__main__":
    main()
