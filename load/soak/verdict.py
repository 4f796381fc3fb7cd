"""What a soak found, held against what it should have found. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression

OBJECTIVE_S = 0.5
"""What 99 of 100 predictions take at most, seconds, where docs/slo.md does not say another."""

MOST_GROWTH = 0.05
LEAST_GROWTH_BYTES = 16 * 2**20
"""A process grows if it does by more than both: small ones breathe by more than 5 %."""

LEAST_SPAN_S = 300
"""Shorter than this, a slope is noise: nothing is said of memory."""

LEAST_KILLED_S = 1000
"""A worker's death is a pause of its group's session timeout, 6 s, and of what waits until then. In
a shorter run more than one prediction in a hundred meets it, and nothing is said of p99."""

_BOUND = f"at most +{MOST_GROWTH:.0%} or +{LEAST_GROWTH_BYTES // 2**20} MiB"
_HOUR_S = 3600
_ENDED_WELL = frozenset({"succeeded", "rejected"})


@dataclass(frozen=True, slots=True)
class Requests:
    """What Locust counted. failed: refused ones too. p99_s: of predictions; 0 where none was."""

    sent: int
    failed: int
    refused: int
    predictions: int
    p99_s: float


@dataclass(frozen=True, slots=True)
class Growth:
    """A line through one process's resident memory, after its warm-up."""

    name: str
    start_bytes: float
    slope_bytes_per_hour: float
    span_s: float

    @property
    def grown_bytes(self) -> float:
        """Give by how much the line rose in all."""
        return self.slope_bytes_per_hour * self.span_s / _HOUR_S

    @property
    def share(self) -> float:
        """Give that as a share of where it began."""
        return self.grown_bytes / self.start_bytes

    @property
    def is_leak(self) -> bool:
        """Tell whether it grew by more than a process that does not leak."""
        return self.share > MOST_GROWTH and self.grown_bytes > LEAST_GROWTH_BYTES


@dataclass(frozen=True, slots=True)
class Audited:
    """What the auditor said: whether every accepted request was answered, and its figures."""

    sound: bool
    accepted: int
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """All that a soak saw. jobs: the trainings that were asked for in it, id to final state.

    ended: the processes that were not there to the end, once for each time.
    """

    requests: Requests
    memory: Sequence[Growth]
    audited: Audited
    jobs: Mapping[str, str]
    ended: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What it is held against. retrained: whether a training belongs to the soak.

    killed: the processes that the soak itself ended. run_s: how long it was.
    """

    p99_s: float
    retrained: bool
    killed: Sequence[str] = ()
    run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the verdict; passed is None where nothing can be said."""

    name: str
    passed: bool | None
    found: str
    wanted: str


def judge(found: Found, wanted: Wanted) -> Sequence[Check]:
    """Hold everything that was found against what was wanted, one check each."""
    requests = found.requests
    failed = requests.failed - requests.refused
    return (
        Check("failed requests", failed == 0, f"{failed}", "0"),
        _judge_refused(requests, killed=bool(wanted.killed)),
        Check("predictions", requests.predictions > 0, f"{requests.predictions}", "some"),
        _judge_latency(requests, wanted),
        Check("accepted = answered", found.audited.sound, found.audited.words, "none lost"),
        Check(
            "seen by the auditor",
            found.audited.accepted >= requests.predictions - requests.failed,
            f"{found.audited.accepted}",
            "every prediction answered",
        ),
        Check(
            "processes that ended",
            sorted(found.ended) == sorted(wanted.killed),
            ", ".join(found.ended) or "none",
            ", ".join(wanted.killed) or "none",
        ),
        *_judge_jobs(found.jobs, retrained=wanted.retrained),
        *(_judge_growth(growth) for growth in found.memory),
    )


def has_passed(checks: Sequence[Check]) -> bool:
    """Tell whether no check failed."""
    return all(check.passed is not False for check in checks)


def growth(name: str, samples: Sequence[tuple[float, int]], warm_up_s: float) -> Growth | None:
    """Draw a line through (seconds, bytes) after the warm-up; None if too few are left."""
    first_s = samples[0][0] if samples else 0.0
    warm = [(at_s, size) for at_s, size in samples if at_s - first_s >= warm_up_s]
    if len(warm) < 2:  # noqa: PLR2004  a line needs two
        return None
    times, sizes = zip(*warm, strict=True)
    slope, intercept = linear_regression(times, sizes)
    start = intercept + slope * times[0]
    return Growth(name, start, slope * _HOUR_S, times[-1] - times[0])


def _judge_refused(requests: Requests, *, killed: bool) -> Check:
    # While the group does not know yet that a worker is dead, what waits for it may be too much.
    passed = None if killed and requests.refused else requests.refused == 0
    return Check("refused requests", passed, f"{requests.refused}", "0, unless a worker is killed")


def _judge_latency(requests: Requests, wanted: Wanted) -> Check:
    passed = requests.predictions > 0 and requests.p99_s <= wanted.p99_s
    dominated = bool(wanted.killed) and wanted.run_s < LEAST_KILLED_S
    return Check(
        "p99 of predictions",
        None if dominated and requests.predictions > 0 else passed,
        f"{requests.p99_s:.3f} s",
        f"at most {wanted.p99_s:.3f} s",
    )


def _judge_jobs(jobs: Mapping[str, str], *, retrained: bool) -> Sequence[Check]:
    if not retrained:
        return ()
    states = ", ".join(jobs.values())
    ended = bool(jobs) and set(jobs.values()) <= _ENDED_WELL
    return (Check("training", ended, states or "none asked for", "succeeded or rejected"),)


def _judge_growth(growth: Growth) -> Check:
    mib, hourly = growth.start_bytes / 2**20, growth.slope_bytes_per_hour / 2**20
    told = f"{mib:.0f} MiB {hourly:+.1f} MiB/h ({growth.share:+.1%} in {growth.span_s:.0f} s)"
    passed = None if growth.span_s < LEAST_SPAN_S else not growth.is_leak
    return Check(f"memory of {growth.name}", passed, told, _BOUND)
