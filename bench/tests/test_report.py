"""A stored session comes back whole, and the report says what is in it."""

from bench.compare.records import (
    Ceiling,
    Cell,
    Key,
    Machine,
    Memory,
    Session,
    load_session,
    store_session,
)
from bench.compare.report import render_report, write_report

MACHINE = Machine("2026-11-25", "a CPU", 2, 8.0, "Linux 6", "3.11", {"openvino": "1"})


def cell(system, round_, requests):
    cpu, rss = {"worker": 2.5, "load": 0.25}, {"worker": (260.0, 250.0)}
    key = Key(system, "224px", 32)
    return Cell(round_, key, requests, 1.0, 3.25, 4.0, 5.0, cpu, rss)


SESSION = Session(
    MACHINE,
    1.0,
    2,
    (
        cell("pneumostream", 1, 300),
        cell("litserve", 1, 100),
        cell("pneumostream", 2, 400),
        cell("litserve", 2, 100),
    ),
    ceilings=(Ceiling(1, {"decode and engine, 224px": 600.0}),),
    memory=Memory(20_000, {"worker": (300.0,)}),
    failures=("litserve, 224px, 64 clients: it fell over",),
)


def test_a_stored_session_comes_back_whole(tmp_path):
    store_session(SESSION, tmp_path / "deep" / "results.json")
    assert load_session(tmp_path / "deep" / "results.json") == SESSION
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["results.json"]


def test_the_report_has_figures_with_spread_ratios_and_verdicts():
    text = render_report(SESSION, [])
    assert "| pneumostream | 350 (300–400) |" in text
    assert "| litserve | 3.50 (3.00–4.00) |" in text
    assert "| pneumostream | 3.2 / 4.0 / 5.0 |" in text
    assert "| RSS of the worker after 20,000 requests | ≤ 350 MB |  | 300 | met |" in text
    assert "| litserve | 0.25 | 2.50 |" in text  # CPU by role: load, worker
    assert "worker 260 (2 of them)" in text
    assert "- litserve, 224px, 64 clients: it fell over" in text


def test_the_machine_is_stated():
    text = render_report(SESSION, [])
    assert "2026-11-25 · a CPU · 2 cores · 8.0 GB · Linux 6 · Python 3.11" in text
    assert "openvino 1" in text


def test_report_and_plots_are_written(tmp_path):
    write_report(SESSION, tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    pictures = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert pictures == ["cpu.png", "latency.png", "throughput.png"]
    assert all(f"](plots/{name})" in text for name in pictures)


def test_the_figures_of_a_soak_are_taken_into_the_report(tmp_path):
    (tmp_path / "soak.md").write_text("## Thirty minutes\n\n1 of 1 passed\n")
    write_report(SESSION, tmp_path)
    assert "## Thirty minutes\n\n1 of 1 passed\n" in (tmp_path / "RESULTS.md").read_text()


def test_a_session_without_a_cell_is_reported_too(tmp_path):
    write_report(Session(MACHINE, 1.0, 0), tmp_path)
    assert "not measured" in (tmp_path / "RESULTS.md").read_text()
