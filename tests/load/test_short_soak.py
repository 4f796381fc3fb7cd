"""A short soak of the real stack: load, a training, the auditor, and dashboards with data."""

import os
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

MINUTES = "0.6"
LENIENT_S = "60"
"""What a p99 may be here: how fast this machine is today is no matter of a test."""


def test_a_short_soak_passes_and_leaves_its_report(up_stack, tmp_path):
    arguments = ("--minutes", MINUTES, "--share", "0.2", "--p99", LENIENT_S)
    soak = up_stack.run("load.soak", *arguments, "--out", str(tmp_path), timeout_s=400)
    assert soak.returncode == 0, soak.stdout
    for line in (
        "passed    failed requests: 0",
        "passed    accepted = answered:",
        "passed    seen by the auditor: ",
        "passed    processes that ended: none",
        "passed    training: ",
        "Capacity ",
        "memory of gateway",
        "memory of inference-worker-0",
        "memory of kafka",
    ):
        assert line in soak.stdout
    report = (tmp_path / "index.html").read_text()
    assert "Soak passed" in report
    assert (tmp_path / "locust.html").is_file()
    header, *samples = (tmp_path / "memory.csv").read_text().splitlines()
    assert header == "seconds,process,pid,resident_bytes"
    assert any(",gateway," in sample for sample in samples)


def test_every_panel_has_data_or_a_reason_for_having_none(up_stack):
    if not up_stack.observed:
        pytest.skip("no prometheus on PATH: apt install prometheus")
    give_up = time.monotonic() + 90
    while True:
        asked = up_stack.run("grafana", "ask", up_stack.prometheus, timeout_s=60)
        if asked.returncode == 0 or time.monotonic() > give_up:
            break
        time.sleep(2)
    assert asked.returncode == 0, asked.stdout


def test_a_soak_that_fails_says_so(up_stack, tmp_path):
    arguments = ("--minutes", "0.1", "--clients", "1", "--p99", "0.0001", "--no-retrain")
    soak = up_stack.run("load.soak", *arguments, "--out", str(tmp_path), timeout_s=300)
    assert soak.returncode == 1, soak.stdout
    assert "FAILED    p99 of predictions" in soak.stdout
    assert "Soak FAILED" in (tmp_path / "index.html").read_text()


def test_without_a_stack_a_soak_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "load.soak", "--url", "http://127.0.0.1:9"]
    env = {**os.environ, "PNEUMO_DATA": str(tmp_path)}
    soak = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert soak.returncode == 2
    assert "No stack answers at http://127.0.0.1:9" in soak.stdout
    assert "Traceback" not in soak.stderr


def test_without_images_nothing_starts(tmp_path):
    command = [sys.executable, "-m", "load.soak", "--url", "http://127.0.0.1:9"]
    env = {**os.environ, "PNEUMO_DATA": str(tmp_path), "IMAGES": str(tmp_path / "absent")}
    soak = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert soak.returncode == 2
    assert "IMAGES=" in soak.stdout
