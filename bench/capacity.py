"""What a rate of predictions needs: `python -m bench.capacity --rate 10000`. Arithmetic alone.

Calibrated on one measurement (docs/capacity.md says which); no figure here was measured at scale.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

RATES = (100, 1_000, 10_000, 100_000)
LARGEST_RATE = 10_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU milliseconds per request by role, and the mean bytes of a test image."""

    worker_ms: float = 4.44
    gateway_ms: float = 0.85
    broker_ms: float = 0.64
    image_bytes: int = 6_541


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Chosen, not measured. share: how much of a core is planned for.

    broker_cores: of each broker. replication: copies of a record. retention_s: of requests.
    """

    share: float = 0.6
    broker_cores: int = 8
    replication: int = 3
    retention_s: int = 600


@dataclass(frozen=True, slots=True)
class Need:
    """Counts; network in and out of all brokers, MB/s; disk of all brokers, GB (1e9 bytes).

    cpu_s_a_million: CPU seconds of all roles for a million predictions.
    """

    rate: int
    partitions: int
    workers: int
    gateways: int
    brokers: int
    network_in_mb_s: float
    network_out_mb_s: float
    disk_gb: float
    cpu_s_a_million: float


def need_of(rate: int, costs: Costs, assumed: Assumptions) -> Need:
    """Return the resources for a rate; one worker and one gateway fill a core each.

    A copy costs a broker what the first cost: an assumption, since one broker was measured.
    """
    workers = _cores(rate, costs.worker_ms, assumed.share)
    broker_ms = costs.broker_ms * assumed.replication
    broker_cores = _cores(rate, broker_ms, assumed.share)
    stream_mb_s = rate * costs.image_bytes / 1e6
    return Need(
        rate=rate,
        partitions=max(24, 2 * workers),
        workers=workers,
        gateways=_cores(rate, costs.gateway_ms, assumed.share),
        brokers=max(assumed.replication, ceil(broker_cores / assumed.broker_cores)),
        network_in_mb_s=stream_mb_s * assumed.replication,
        # To the workers once, and to each further copy.
        network_out_mb_s=stream_mb_s * assumed.replication,
        disk_gb=stream_mb_s * assumed.retention_s * assumed.replication / 1e3,
        cpu_s_a_million=(costs.worker_ms + costs.gateway_ms + broker_ms) * 1e3,
    )


def table(needs: Sequence[Need]) -> str:
    """Write needs as Markdown."""
    head = "requests/s | partitions | workers | gateways | brokers | in, out MB/s | disk GB"
    lines = [f"| {head} | CPU s a million |", "|" + "---|" * 8]
    lines += [
        f"| {n.rate:,} | {n.partitions:,} | {n.workers:,} | {n.gateways:,} | {n.brokers:,} "
        f"| {n.network_in_mb_s:,.1f}, {n.network_out_mb_s:,.1f} | {n.disk_gb:,.1f} "
        f"| {n.cpu_s_a_million:,.0f} |"
        for n in needs
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what one rate needs, or the four of the table."""
    parser = argparse.ArgumentParser(prog="bench.capacity", description=__doc__)
    parser.add_argument("--rate", type=int, help="predictions a second")
    parser.add_argument("--vcpu-hour", type=float, help="price of a vCPU-hour; there is no default")
    options = parser.parse_args(arguments)
    if options.rate is not None and not 1 <= options.rate <= LARGEST_RATE:
        parser.error(f"--rate is from 1 to {LARGEST_RATE:,}")
    rates = RATES if options.rate is None else (options.rate,)
    needs = [need_of(rate, Costs(), Assumptions()) for rate in rates]
    print(table(needs), end="")
    if options.vcpu_hour is not None:
        price = needs[0].cpu_s_a_million / 3_600 * options.vcpu_hour
        print(f"A million predictions, if every vCPU were busy: {price:.4f}")
    return 0


def _cores(rate: int, cpu_ms: float, share: float) -> int:
    return max(1, ceil(rate * cpu_ms / 1e3 / share))


if __name__ == "__main__":
    raise SystemExit(main())
