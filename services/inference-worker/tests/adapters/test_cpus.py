"""The container's quota decides, not the host."""

import os

import pytest

from inference_worker.adapters.cpus import available_cpus

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", ALLOWED),
        ("50000 100000", 1),
        ("150000 100000", 1),
        ("200000 100000", min(2, ALLOWED)),
        ("99900000 100000", ALLOWED),
    ],
)
def test_the_quota_of_a_v2_cgroup_bounds_the_count(tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert available_cpus(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", ALLOWED), ("100000", 1)])
def test_the_quota_of_a_v1_cgroup_bounds_the_count(tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert available_cpus(tmp_path) == expected


def test_without_a_cgroup_the_scheduler_decides(tmp_path):
    assert available_cpus(tmp_path) == ALLOWED
