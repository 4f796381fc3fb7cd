"""What a soak observed, judged by its criteria, as lines and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import linear_regression
from string import Template

OBJECTIVE_S = 0.5
"""The p99 of predictions, seconds, where docs/slo.md names none."""

MAX_GROWTH = 0.05
MIN_GROWTH_BYTES = 16 * 2**20
"""Growth is a leak if it exceeds both: small processes vary by more than 5 %."""

MIN_SPAN_S = 300
"""Shorter than this a slope is noise, and memory is not judged."""

MIN_KILLED_S = 1000
"""A killed worker pauses its partitions for the session timeout, 6 s, and the backlog of it. In a
shorter run that is more than one prediction in a hundred, and p99 is not judged."""

_BOUND = f"at most +{MAX_GROWTH:.0%} or +{MIN_GROWTH_BYTES // 2**20} MiB"
_HOUR_S = 3600
_ENDED_WELL = frozenset({"succeeded", "rejected"})


@dataclass(frozen=True, slots=True)
class LocustRequests:
    """What Locust counted. failed: refused ones included. p99_s: of predictions; 0 without any."""

    sent: int
    failed: int
    refused: int
    predictions: int
    p99_s: float


@dataclass(frozen=True, slots=True)
class MemoryGrowth:
    """A line through one process's resident memory after its warm-up."""

    name: str
    start_bytes: float
    slope_bytes_per_hour: float
    span_s: float

    @property
    def grown_bytes(self) -> float:
        """The rise of the line."""
        return self.slope_bytes_per_hour * self.span_s / _HOUR_S

    @property
    def share(self) -> float:
        """The rise as a share of the start."""
        return self.grown_bytes / self.start_bytes

    @property
    def is_leak(self) -> bool:
        """Whether it grew by more than a process that does not leak."""
        return self.share > MAX_GROWTH and self.grown_bytes > MIN_GROWTH_BYTES


@dataclass(frozen=True, slots=True)
class SoakAudit:
    """The auditor's report: whether every accepted request has an outcome, and its figures."""

    sound: bool
    accepted: int
    figures: str


@dataclass(frozen=True, slots=True)
class SoakObservations:
    """jobs: trainings requested during the soak, id to final state. ended: processes that ended."""

    requests: LocustRequests
    memory: Sequence[MemoryGrowth]
    audited: SoakAudit
    jobs: Mapping[str, str]
    ended: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SoakCriteria:
    """retrained: a training is part of the soak. killed: processes that the soak itself killed."""

    p99_s: float
    retrained: bool
    killed: Sequence[str] = ()
    run_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a verdict; passed is None where it cannot be judged."""

    name: str
    passed: bool | None
    found: str
    wanted: str


def judge_soak(found: SoakObservations, wanted: SoakCriteria) -> Sequence[Check]:
    """Judge everything that was observed, one check each."""
    requests = found.requests
    failed = requests.failed - requests.refused
    return (
        Check("failed requests", failed == 0, f"{failed}", "0"),
        _judge_refused(requests, killed=bool(wanted.killed)),
        Check("predictions", requests.predictions > 0, f"{requests.predictions}", "some"),
        _judge_latency(requests, wanted),
        Check("accepted = answered", found.audited.sound, found.audited.figures, "none lost"),
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
    """Return whether no check failed."""
    return all(check.passed is not False for check in checks)


def fit_growth(
    name: str, samples: Sequence[tuple[float, int]], warm_up_s: float
) -> MemoryGrowth | None:
    """Fit a line through (seconds, bytes) after the warm-up; None if too few are left."""
    first_s = samples[0][0] if samples else 0.0
    warm = [(at_s, size) for at_s, size in samples if at_s - first_s >= warm_up_s]
    if len(warm) < 2:  # noqa: PLR2004  a line needs two
        return None
    times, sizes = zip(*warm, strict=True)
    slope, intercept = linear_regression(times, sizes)
    start = intercept + slope * times[0]
    return MemoryGrowth(name, start, slope * _HOUR_S, times[-1] - times[0])


def _judge_refused(requests: LocustRequests, *, killed: bool) -> Check:
    # Until the group notices the death, the backlog of the killed worker may exceed deadlines.
    passed = None if killed and requests.refused else requests.refused == 0
    return Check("refused requests", passed, f"{requests.refused}", "0, unless a worker is killed")


def _judge_latency(requests: LocustRequests, wanted: SoakCriteria) -> Check:
    passed = requests.predictions > 0 and requests.p99_s <= wanted.p99_s
    dominated = bool(wanted.killed) and wanted.run_s < MIN_KILLED_S
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
    return (Check("training", ended, states or "none requested", "succeeded or rejected"),)


def _judge_growth(growth: MemoryGrowth) -> Check:
    mib, hourly = growth.start_bytes / 2**20, growth.slope_bytes_per_hour / 2**20
    found = f"{mib:.0f} MiB {hourly:+.1f} MiB/h ({growth.share:+.1%} in {growth.span_s:.0f} s)"
    passed = None if growth.span_s < MIN_SPAN_S else not growth.is_leak
    return Check(f"memory of {growth.name}", passed, found, _BOUND)


_WORDS = {True: "passed", False: "FAILED", None: "not judged"}
_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>$title</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; }
 table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left; }
 td:last-child { white-space: nowrap; } tr { border-bottom: 1px solid #ddd; }
 .passed { color: #18794e; } .FAILED { color: #ce2c31; }
 iframe { border: 0; height: 75rem; width: 100%; }
</style>
<h1 class="$word">$title</h1>
<p>$what</p>
<table><tr><th>check<th>found<th>wanted<th></tr>
$rows
</table>
<iframe src="locust.html" title="Locust's report"></iframe>
</html>
""")


def render_page(what: str, checks: Sequence[Check]) -> str:
    """Return the HTML report, which embeds Locust's page from the same folder."""
    word = _WORDS[has_passed(checks)]
    rows = "\n".join(_row(check) for check in checks)
    return _PAGE.substitute(title=f"Soak {word}", word=word, what=escape(what), rows=rows)


def render_lines(checks: Sequence[Check]) -> Sequence[str]:
    """Return one line per check."""
    return [
        f"  {_WORDS[check.passed]:<9} {check.name}: {check.found} (wanted: {check.wanted})"
        for check in checks
    ]


def _row(check: Check) -> str:
    word = _WORDS[check.passed]
    cells = "".join(f"<td>{escape(text)}" for text in (check.name, check.found, check.wanted))
    return f'<tr>{cells}<td class="{word}">{word}</tr>'
