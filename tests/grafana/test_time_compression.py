"""What is tested in shortened windows is what is shipped, and nothing but its times differs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grafana.time_compression import TimeCompression, compress_rules, parse_duration_ms

RULES = sorted((Path(__file__).parents[2] / "deploy" / "prometheus" / "rules").glob("*.yml"))
BY = TimeCompression(divisor=30, min_range_ms=4000, min_step_ms=1000)
TIMES = re.compile(r"(?<=for: )\S+|(?<=interval: )\S+|\[[\w:]+\]")


@pytest.mark.parametrize(
    ("shipped", "short"),
    [
        ("rate(a[30m])", "rate(a[60000ms])"),
        ("rate(a[1m])", "rate(a[4000ms])"),
        ("delta(sum(a)[15m:1m])", "delta(sum(a)[30000ms:2000ms])"),
        ("delta(sum(a)[15m:10s])", "delta(sum(a)[30000ms:1000ms])"),
        ("        for: 1h30m", "        for: 180000ms"),
        ("    interval: 2m", "    interval: 4000ms"),
        ("    interval: 15s", "    interval: 1000ms"),
        ("a:ratio_rate5m > 14.4 * 0.001", "a:ratio_rate5m > 14.4 * 0.001"),
        ('a{route=~"[0-9m]+"}', 'a{route=~"[0-9m]+"}'),
        ("summary: waits for: 10m and more", "summary: waits for: 10m and more"),
    ],
)
def test_times_are_divided_and_all_else_stays(shipped, short):
    assert compress_rules(shipped, BY) == short


def test_durations_are_read_in_all_their_parts():
    assert parse_duration_ms("1d2h3m4s5ms") == 93_784_005


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_of_a_shipped_file_only_times_differ_and_all_of_them_are_shorter(path):
    rules = path.read_text()
    short = compress_rules(rules, BY)
    assert TIMES.sub("", short) == TIMES.sub("", rules)
    pairs = list(zip(TIMES.findall(rules), TIMES.findall(short), strict=True))
    assert pairs
    assert [old for old, new in pairs if parse_duration_ms(new) >= parse_duration_ms(old)] == []


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_prometheus_takes_the_shortened_file(path, tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH: the shortened rules are not checked by Prometheus")
    short = tmp_path / path.name
    short.write_text(compress_rules(path.read_text(), BY))
    checked = subprocess.run(
        [promtool, "check", "rules", str(short)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
