"""The machine that the figures belong to."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.compare.environments import PEERS
from bench.compare.records import Machine

_OURS = ("openvino", "tensorflow-cpu", "tensorflow", "keras", "fastapi", "uvicorn", "aiokafka")
_PEERS = ("mlserver", "litserve")


def describe_machine(cores: int) -> Machine:
    """Read CPU, cores, memory, kernel and the versions that matter."""
    return Machine(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        cpu=_cpu_model(),
        cores=cores,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions=_versions(),
    )


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if not cpuinfo.is_file():
        return platform.processor() or platform.machine()
    fields = dict(
        line.split(":", 1)
        for line in cpuinfo.read_text().split("\n\n")[0].splitlines()
        if ":" in line
    )
    stripped = {key.strip(): value.strip() for key, value in fields.items()}
    told = [stripped.get("model name", platform.machine())]
    flags = stripped.get("flags", "").split()
    told += [flag for flag in ("avx512_vnni", "amx_int8") if flag in flags]
    return ", ".join(told)


def _versions() -> dict[str, str]:
    found = {}
    for name in _OURS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name in _PEERS:
        pins = (PEERS / f"{name}.txt").read_text().splitlines()
        found[name] = next(pin for pin in pins if pin.startswith(f"{name}==")).split()[0][
            len(name) + 2 :
        ]
    return found
