"""What passes and what fails a soak."""

from dataclasses import replace
from pathlib import Path

import pytest

from load.soak import latency_objective_s
from load.verdict import (
    LocustRequests,
    MemoryGrowth,
    SoakAudit,
    SoakCriteria,
    SoakObservations,
    fit_growth,
    has_passed,
    judge_soak,
    render_lines,
    render_page,
)

ROOT = Path(__file__).parents[2]
MIB = 2**20
WANTED = SoakCriteria(p99_s=0.5, retrained=True)
REQUESTS = LocustRequests(sent=1100, failed=0, refused=0, predictions=1000, p99_s=0.1)
GOOD = SoakObservations(
    REQUESTS,
    (MemoryGrowth("gateway (7)", 100.0 * MIB, 1.0 * MIB, 1440.0),),
    SoakAudit(sound=True, accepted=1000, figures="1000 accepted, 1000 succeeded"),
    {"j1": "succeeded"},
)


def failed(found: SoakObservations, wanted: SoakCriteria = WANTED) -> list[str]:
    return [check.name for check in judge_soak(found, wanted) if check.passed is False]


def leaking(name: str, start: int, hourly: int, span_s: float = 1440.0) -> SoakObservations:
    return replace(GOOD, memory=(MemoryGrowth(name, start * MIB, hourly * MIB, span_s),))


def test_a_good_soak_passes():
    assert has_passed(judge_soak(GOOD, WANTED))
    assert failed(GOOD) == []


def test_a_training_refused_by_the_gate_is_no_failure_and_none_at_all_may_be_meant():
    assert failed(replace(GOOD, jobs={"j1": "rejected"})) == []
    assert failed(replace(GOOD, jobs={}), replace(WANTED, retrained=False)) == []


@pytest.mark.parametrize(
    ("found", "check"),
    [
        (replace(GOOD, requests=replace(REQUESTS, failed=1)), "failed requests"),
        (replace(GOOD, requests=replace(REQUESTS, failed=2, refused=2)), "refused requests"),
        (replace(GOOD, requests=replace(REQUESTS, p99_s=0.501)), "p99 of predictions"),
        (
            replace(GOOD, audited=SoakAudit(sound=False, accepted=1000, figures="1 lost")),
            "accepted = answered",
        ),
        (replace(GOOD, audited=replace(GOOD.audited, accepted=999)), "seen by the auditor"),
        (replace(GOOD, ended=("gateway",)), "processes that ended"),
        (replace(GOOD, jobs={"j1": "failed"}), "training"),
        (replace(GOOD, jobs={"j1": "running"}), "training"),
        (replace(GOOD, jobs={}), "training"),
        (leaking("worker (9)", 300, 100), "memory of worker (9)"),
    ],
)
def test_each_fault_fails_its_own_check_alone(found, check):
    assert failed(found) == [check]
    assert not has_passed(judge_soak(found, WANTED))


def test_the_worker_that_the_soak_killed_may_end_and_must():
    wanted = replace(WANTED, killed=("inference-worker-0",))
    assert failed(replace(GOOD, ended=("inference-worker-0",)), wanted) == []
    twice = replace(GOOD, ended=("inference-worker-0", "inference-worker-0"))
    assert failed(twice, wanted) == ["processes that ended"]
    assert failed(GOOD, wanted) == ["processes that ended"]


def test_after_a_kill_refusals_are_no_failure_and_a_short_run_has_no_p99():
    paused = replace(REQUESTS, failed=2, refused=2, p99_s=4.0)
    found = replace(GOOD, requests=paused, ended=("inference-worker-0",))
    wanted = replace(WANTED, killed=("inference-worker-0",), run_s=60)
    assert failed(found, wanted) == []
    assert failed(found, replace(wanted, run_s=1800)) == ["p99 of predictions"]
    lost = replace(found, requests=replace(paused, failed=3))
    assert failed(lost, wanted) == ["failed requests"]


def test_a_soak_without_a_prediction_proves_nothing():
    nothing = LocustRequests(sent=0, failed=0, refused=0, predictions=0, p99_s=0)
    assert failed(replace(GOOD, requests=nothing)) == ["predictions", "p99 of predictions"]


@pytest.mark.parametrize(
    "found",
    [
        leaking("a small one breathes", 60, 25),
        leaking("a large one grows by little", 1000, 60),
        leaking("it shrinks", 300, -100),
    ],
)
def test_growth_within_its_bounds_is_no_leak(found):
    assert failed(found) == []


def test_of_a_short_run_no_slope_is_judged():
    (check,) = (
        each for each in judge_soak(leaking("x", 100, 1000, 60), WANTED) if "memory" in each.name
    )
    assert check.passed is None


def test_the_line_begins_after_the_warm_up():
    climb = [(float(second), 100 * MIB + min(second, 100) * MIB) for second in range(0, 500, 2)]
    level = fit_growth("x", climb, warm_up_s=100)
    assert level.slope_bytes_per_hour == pytest.approx(0, abs=1)
    assert level.start_bytes == pytest.approx(200 * MIB)
    assert level.span_s == 398
    whole = fit_growth("x", climb, warm_up_s=0)
    assert whole.is_leak


def test_a_process_that_came_late_has_a_warm_up_of_its_own():
    late = [(1000.0 + second, (100 + min(second, 60)) * MIB) for second in range(120)]
    assert fit_growth("x", late, warm_up_s=60).slope_bytes_per_hour == pytest.approx(0, abs=1)
    assert fit_growth("x", late[:60], warm_up_s=60) is None
    assert fit_growth("x", [], warm_up_s=60) is None


def test_the_page_and_the_lines_say_each_check():
    checks = judge_soak(leaking("<worker>", 300, 100), WANTED)
    shown = render_page("soak, 30 minutes", checks)
    assert "Soak FAILED" in shown
    assert "memory of &lt;worker&gt;" in shown
    assert len(render_lines(checks)) == len(checks)
    assert "Soak passed" in render_page("soak", judge_soak(GOOD, WANTED))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("99 % of predictions are answered within 0.5 s", 0.5),
        (
            "| 99.9 % of predictions | 1 s |\n| 99% of predictions | within 250 ms |",
            0.25,
        ),
        ("nothing of the kind. 99 % of uploads in 3 s", None),
    ],
)
def test_the_objective_is_read_from_the_page(tmp_path, text, seconds):
    (tmp_path / "slo.md").write_text(text)
    assert latency_objective_s(tmp_path / "slo.md") == seconds
    assert latency_objective_s(tmp_path / "absent.md") is None


def test_the_page_of_this_repository_has_an_objective():
    assert latency_objective_s(ROOT / "docs" / "slo.md") is not None
