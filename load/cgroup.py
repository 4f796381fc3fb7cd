"""What a container's cgroup says of its memory, version 1 or 2. Pure, but for the command."""

from dataclasses import dataclass

_FILES = (
    "memory.events",
    "memory.peak",
    "memory.max",
    "memory/memory.oom_control",
    "memory/memory.max_usage_in_bytes",
    "memory/memory.limit_in_bytes",
)
_READ = """cd /sys/fs/cgroup; for f in {files}; do [ ! -r $f ] || sed "s|^|$f |" $f; done"""
READ_COMMAND = ("sh", "-c", _READ.format(files=" ".join(_FILES)))
"""Prints every line of these files, each after its file's name; to be run inside the container."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """oom_kills: processes that the kernel ended for memory; None: it does not report them."""

    oom_kills: int | None
    peak_bytes: int | None
    limit_bytes: int | None

    @property
    def words(self) -> str:
        """Give peak and limit in MiB."""
        mib = [
            "?" if b is None else f"{b / 2**20:.0f}" for b in (self.peak_bytes, self.limit_bytes)
        ]
        return f"{mib[0]} of {mib[1]} MiB"


def parse_memory_use(printed: str) -> MemoryUse:
    """Read what READ_COMMAND printed."""
    values: dict[str, str] = {}
    for line in printed.splitlines():
        name, _, value = line.strip().rpartition(" ")
        values[name] = value

    def first(*names: str) -> int | None:
        return next((int(values[n]) for n in names if values.get(n, "max").isdigit()), None)

    return MemoryUse(
        oom_kills=first("memory.events oom_kill", "memory/memory.oom_control oom_kill"),
        peak_bytes=first("memory.peak", "memory/memory.max_usage_in_bytes"),
        limit_bytes=first("memory.max", "memory/memory.limit_in_bytes"),
    )
