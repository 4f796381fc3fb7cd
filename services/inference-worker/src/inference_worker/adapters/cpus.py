"""How many CPUs this process may use: the container's quota, not the host's count."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """Count the CPUs that the scheduler and the cgroup (v2 or v1) leave to this process, ≥ 1.

    A quota of 1.5 CPUs counts as one: two threads would be throttled together.
    """
    allowed = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup) or _quota_v1(cgroup)
    return allowed if quota is None else max(1, min(allowed, math.floor(quota)))


def _quota_v2(cgroup: Path) -> float | None:
    match _words(cgroup / "cpu.max"):
        case [quota, period] if quota != "max":
            return int(quota) / int(period)
        case _:
            return None


def _quota_v1(cgroup: Path) -> float | None:
    quota, period = (_words(cgroup / "cpu" / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
    return None if not quota or not period or int(quota[0]) <= 0 else int(quota[0]) / int(period[0])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
